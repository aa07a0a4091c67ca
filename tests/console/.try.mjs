import { open, watch } from "./browser.mjs";
import { credentials, signIn } from "./person.mjs";
const b = await open({height:800}); const {page, context}=b;
page.on("console", m=>console.log("CONSOLE", m.text())); page.on("pageerror", e=>console.log("ERR", e.message));
await signIn(page, "http://127.0.0.1:18094", credentials("/tmp/hE17/admin.json"));
await page.goto("http://127.0.0.1:18094/console/audit"); await page.waitForTimeout(1500);
console.log((await page.locator("body").innerText()).slice(0,200));
await page.goto("http://127.0.0.1:18094/console/photos"); await page.locator("input[type=date]").first().waitFor();
await page.locator("select").focus(); await page.keyboard.press("Tab");
console.log(await page.evaluate(()=>[document.activeElement.outerHTML.slice(0,80), document.activeElement.matches(":focus-visible"), getComputedStyle(document.activeElement).outline, document.activeElement.parentElement.matches(":focus-within")]));
await page.screenshot({path:"/tmp/date.png", clip:{x:240,y:0,width:1100,height:300}});
await page.goto("http://127.0.0.1:18094/console/keys?new"); await page.getByRole("dialog").waitFor();
await page.getByRole("dialog").getByLabel("Name",{exact:true}).fill("k1"); await page.getByRole("button",{name:"Create key"}).click();
await page.getByText("Copy the secret now").waitFor();
await page.getByRole("button",{name:"I have stored it"}).press("Enter");
await page.waitForTimeout(800);
console.log(await page.evaluate(()=>document.activeElement.outerHTML.slice(0,120)));
for (let i=0;i<14;i++) { await page.keyboard.press("Tab"); console.log(await page.evaluate(()=>{const b=document.activeElement.getBoundingClientRect(); return [document.activeElement.localName, document.activeElement.textContent.trim().slice(0,30), document.elementFromPoint(b.left+b.width/2,b.top+b.height/2)?.outerHTML.slice(0,100), document.querySelector("dialog").open]})); if(i==6) await page.screenshot({path:"/tmp/keys.png"}); }
await b.close();
