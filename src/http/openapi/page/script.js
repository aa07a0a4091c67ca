"use strict";

// Shows the document of the server that this page came from. Everything of it goes in as text, never as markup.

const METHODS = ["get", "post", "put", "patch", "delete"];

function element(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) made.setAttribute(key, value);
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

// Text in which `words` between backticks are code.
function prose(text) {
  return (text || "").split("`").map((part, at) => (at % 2 ? element("code", {}, part) : part));
}

function resolver(openapi) {
  return function resolve(value) {
    let found = value;
    while (found && found.$ref) {
      found = found.$ref.slice(2).split("/").reduce((at, key) => at && at[key], openapi);
    }
    return found;
  };
}

function kind(schema, resolve) {
  if (schema.$ref) return schema.$ref.split("/").pop();
  if ("const" in schema) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((word) => JSON.stringify(word)).join(", ");
  for (const key of ["anyOf", "oneOf", "allOf"]) {
    if (schema[key] && !schema.type) return schema[key].filter((one) => one.maxLength !== 0).map((one) => kind(one, resolve)).join(key === "allOf" ? " and " : " or ");
  }
  const types = [].concat(schema.type || "anything");
  const named = types.map((type) => (type === "array" ? "list of " + kind(schema.items || {}, resolve) : type));
  return named.join(" or ") + (schema.format ? ", " + schema.format : "");
}

function table(heads, rows) {
  const line = (cells, name) => element("tr", {}, ...cells.map((cell) => element(name, name === "th" ? { scope: "col" } : {}, ...[].concat(cell))));
  return element("div", { class: "scroll" }, element("table", {}, element("thead", {}, line(heads, "th")), element("tbody", {}, ...rows.map((row) => line(row, "td")))));
}

function rows(schema, resolve, prefix, depth) {
  const known = resolve(schema) || {};
  const properties = known.properties || {};
  const list = [];
  for (const [name, member] of Object.entries(properties)) {
    const inner = resolve(member) || {};
    const needed = (known.required || []).includes(name) ? "" : " (may be missing)";
    list.push([element("code", {}, prefix + name), kind(member, resolve) + needed, prose(member.description || inner.description)]);
    const items = inner.items ? inner.items : inner;
    const mark = inner.items ? "[]." : ".";
    const next = items.properties || items.$ref ? items : (items.anyOf || []).find((one) => one.properties || one.$ref);
    if (depth < 3 && next) list.push(...rows(next, resolve, prefix + name + mark, depth + 1));
  }
  return list;
}

function members(schema, resolve) {
  const found = rows(schema, resolve, "", 0);
  return found.length ? [table(["Member", "Kind", "Meaning"], found)] : [];
}

function shown(value) {
  return element("pre", { tabindex: "0" }, typeof value === "string" ? value : JSON.stringify(value, null, 2));
}

function quoted(text) {
  return "'" + String(text).replaceAll("'", "'\\''") + "'";
}

// The call as a line for a shell.
function curl(openapi, path, method, operation, resolve) {
  let address = path;
  for (const parameter of (operation.parameters || []).map(resolve)) {
    if (parameter.in === "path") address = address.replace("{" + parameter.name + "}", encodeURIComponent(parameter.example));
  }
  const words = ["curl -sS" + (method === "get" ? "" : " -X " + method.toUpperCase()) + " " + quoted(openapi.servers[0].url + address)];
  const first = Object.keys((operation.security || [])[0] || {});
  const shows = {
    bearer: '-H "Authorization: Bearer $TOKEN"',
    apiKey: '-H "x-api-key: $API_KEY"',
    application: '-H "AppIdV3: $APP_ID"',
    client: '-u "$CLIENT_ID:$CLIENT_SECRET"',
  };
  words.push(...first.map((scheme) => shows[scheme]).filter(Boolean));
  for (const [type, body] of Object.entries((operation.requestBody || {}).content || {})) {
    if (type === "application/json") words.push("-H " + quoted("Content-Type: " + type), "-d " + quoted(JSON.stringify(body.example)));
    for (const [name, value] of type === "application/json" ? [] : Object.entries(body.example)) {
      if (type === "application/x-www-form-urlencoded") words.push("--data-urlencode " + quoted(name + "=" + value));
      else if (name === "image") words.push("-F image=@photo.jpg");
      else if (typeof value === "object") words.push("-F " + quoted(name + "=" + JSON.stringify(value) + ";type=application/json"));
      else words.push("-F " + quoted(name + "=" + value));
    }
  }
  const ok = operation.responses["200"];
  if (ok && ok.content && ok.content["image/jpeg"]) words.push("-D headers.txt -o protected.jpg");
  return words.join(" \\\n  ");
}

function security(operation) {
  const ways = operation.security || [];
  if (!ways.length) return element("p", {}, "Anybody may call this.");
  const words = ways.map((way) => {
    const names = Object.keys(way);
    const scopes = [...new Set(names.flatMap((name) => way[name]))];
    return (names.join(" and ") || "nothing else") + (scopes.length ? " with " + scopes.join(", ") : "");
  });
  return element("p", {}, "Authentication: " + words.join("; or ") + ".");
}

function examples(content, resolve) {
  const found = [];
  if ("example" in content) found.push(["", content.example]);
  for (const [name, example] of Object.entries(content.examples || {})) found.push([name, (resolve(example) || {}).value]);
  return found.map(([name, value]) => element("details", name ? {} : { open: "" }, element("summary", {}, "Example " + name), shown(value)));
}

function bodies(contents, resolve) {
  const made = [];
  let before = null;
  for (const [type, content] of Object.entries(contents || {})) {
    made.push(element("p", {}, element("code", {}, type)));
    // The two types of errors differ in name alone.
    if (type !== "application/problem+json" || before === null) {
      made.push(...(content.schema ? members(content.schema, resolve) : []), ...examples(content, resolve));
    }
    before = type;
  }
  return made;
}

function answers(operation, resolve) {
  return Object.entries(operation.responses).map(([status, value]) => {
    const answer = resolve(value);
    const headers = Object.entries(answer.headers || {}).map(([name, header]) => [element("code", {}, name), prose(resolve(header).description)]);
    return element("details", {}, element("summary", {}, element("strong", {}, status), " ", ...prose(answer.description)), table(["Header", "Meaning"], headers), ...bodies(answer.content, resolve));
  });
}

function parameters(item, operation, resolve) {
  const all = [...(operation.parameters || []), ...(item.parameters || [])].map(resolve);
  return table(["Parameter", "In", "Kind", "Meaning"], all.map((one) => [element("code", {}, one.name), one.in + (one.required ? "" : ", optional"), kind(one.schema, resolve), prose(one.description || one.schema.description)]));
}

function show(openapi, path, method, item, resolve) {
  const operation = item[method];
  const body = operation.requestBody ? [element("h3", {}, "Request body"), ...bodies(operation.requestBody.content, resolve)] : [];
  const inside = element("div", {}, element("p", {}, ...prose(operation.description)), security(operation), element("h3", {}, "Call"), shown(curl(openapi, path, method, operation, resolve)), element("h3", {}, "Parameters"), parameters(item, operation, resolve), ...body, element("h3", {}, "Answers"), ...answers(operation, resolve));
  const head = element("summary", {}, element("span", { class: "method" }, method.toUpperCase()), element("code", { class: "path" }, path), " ", element("span", { class: "dim" }, operation.summary));
  const made = element("details", { class: "operation", id: operation.operationId }, head, inside);
  made.words = [method, path, operation.operationId, operation.summary, operation.description, ...operation.tags].join(" ").toLowerCase();
  return made;
}

function render(openapi) {
  const resolve = resolver(openapi);
  const main = document.getElementById("operations");
  const nav = document.getElementById("tags");
  document.getElementById("version").append("Version " + openapi.info.version + ". ", ...prose(openapi.info.description));
  main.replaceChildren();
  const sections = openapi.tags.map((tag) => {
    const id = "tag-" + tag.name.replaceAll(" ", "-");
    const section = element("section", { "aria-labelledby": id }, element("h2", { id }, tag.name), element("p", { class: "dim" }, ...prose(tag.description)));
    for (const [path, item] of Object.entries(openapi.paths)) {
      for (const method of METHODS) {
        if (item[method] && item[method].tags.includes(tag.name)) section.append(show(openapi, path, method, item, resolve));
      }
    }
    nav.append(element("a", { href: "#" + id }, tag.name));
    main.append(section);
    return section;
  });
  const search = document.getElementById("search");
  const filter = () => {
    const wanted = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const section of sections) {
      let here = 0;
      for (const operation of section.querySelectorAll(".operation")) {
        operation.hidden = !wanted.every((word) => operation.words.includes(word));
        here += operation.hidden ? 0 : 1;
      }
      section.hidden = here === 0;
      count += here;
    }
    document.getElementById("found").textContent = count + (count === 1 ? " operation" : " operations");
  };
  search.addEventListener("input", filter);
  filter();
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && event.target !== search) {
      event.preventDefault();
      search.focus();
    }
  });
  const open = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target && target.matches(".operation")) target.open = true;
    if (target) target.scrollIntoView();
  };
  window.addEventListener("hashchange", open);
  open();
}

fetch("openapi.json")
  .then((answer) => (answer.ok ? answer.json() : Promise.reject(new Error("status " + answer.status))))
  .then(render)
  .catch((error) => {
    document.getElementById("operations").replaceChildren(element("p", { role: "alert" }, "The document could not be read: " + error.message));
  });
