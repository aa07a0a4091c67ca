"""What the deployment files must agree on: python deployment.py KUBERNETES, with the output of `kubectl kustomize deploy/kubernetes`.

Validates it and compose.yaml against their schemas, and holds both against the server: times to stop, users, rights, and digests of
images. Needs PyYAML, kubernetes-validate and compose-spec.
"""

import pathlib
import re
import sys

import compose_spec
import kubernetes_validate
import yaml

ROOT = pathlib.Path(__file__).parent.parent
KUBERNETES = ("1.29", "1.33", "1.37")
# Step 2 of docs/operations.md, "Stopping": requests and background work.
STOP_SECONDS = 25
USER = 10001


def dockerfile():
    text = (ROOT / "Dockerfile").read_text()
    version = re.search(r'^version = "(.*)"', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)[1]
    labels = re.findall(r'image\.version="(.*?)"', text)
    assert labels == [version] * 2, labels
    for line in re.findall(r"^FROM (.*)", text, re.MULTILINE):
        assert re.fullmatch(r"\S+:\S+@sha256:[0-9a-f]{64} AS \w+", line), line
    assert re.findall(r"^USER (.*)", text, re.MULTILINE) == [f"{USER}:{USER}"] * 2
    print("Dockerfile: digests, users and version agree")


def compose():
    text = (ROOT / "deploy/compose/compose.yaml").read_text()
    # Docker does both; the library knows no variables, and takes no tag beside a digest.
    plain = re.sub("@sha256:[0-9a-f]{64}", "", re.sub(r"\$\{\w+:-(.*?)\}", r"\1", text))
    compose_spec.PyOptions(apply_merge=True).from_yaml(plain).validate()
    services = yaml.safe_load(text)["services"]
    for name, service in services.items():
        assert service["read_only"] and service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), name
        assert "LUMATRACE_IMAGE" in service["image"] or "@sha256:" in service["image"], name
    owners = [name for name, service in services.items() if "database-owner-url" in service.get("secrets", [])]
    assert owners == ["migrate"], owners
    assert int(services["server"]["stop_grace_period"].rstrip("s")) >= STOP_SECONDS + 5
    print(f"compose.yaml: {len(services)} services")


def kubernetes(path):
    documents = list(yaml.safe_load_all(pathlib.Path(path).read_text()))
    for document in documents:
        for version in KUBERNETES:
            kubernetes_validate.validate(document, version, strict=True)
    kinds = {document["kind"]: document for document in documents}
    assert "Secret" not in kinds
    settings = kinds["ConfigMap"]["data"]
    server = kinds["Deployment"]["spec"]["template"]["spec"]
    migrate = kinds["CronJob"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    for pod in (server, migrate):
        assert pod["securityContext"]["runAsUser"] == USER and pod["securityContext"]["runAsNonRoot"]
        assert not pod["automountServiceAccountToken"] and not pod["enableServiceLinks"]
        for container in pod["containers"]:
            rights = container["securityContext"]
            assert rights["readOnlyRootFilesystem"] and rights["capabilities"] == {"drop": ["ALL"]}
    names = [source["secret"]["name"] for source in server["volumes"][0]["projected"]["sources"]]
    assert "lumatrace-owner" not in names, names
    delay = int(settings["LUMATRACE_STOP_DELAY_SECONDS"])
    readiness = server["containers"][0]["readinessProbe"]
    assert delay > readiness["periodSeconds"] * readiness["failureThreshold"]
    assert server["terminationGracePeriodSeconds"] >= delay + STOP_SECONDS
    most = kinds["HorizontalPodAutoscaler"]["spec"]["maxReplicas"] + kinds["Deployment"]["spec"]["strategy"]["rollingUpdate"]["maxSurge"]
    database = yaml.safe_load((ROOT / "deploy/kubernetes/optional/cloudnative-pg.yaml").read_text())["spec"]["postgresql"]
    connections = int(database["parameters"]["max_connections"])
    assert most * int(settings["LUMATRACE_DATABASE_CONNECTIONS"]) < connections
    assert database["synchronous"]["dataDurability"] == "required"
    print(f"Kubernetes {', '.join(KUBERNETES)}: {len(documents)} objects")


def known_settings():
    """Each LUMATRACE_ name in the files is a setting of docs/configuration.md, or of the files themselves."""
    known = set(re.findall(r"`(LUMATRACE_\w+|DATABASE_URL\w*)`", (ROOT / "docs/configuration.md").read_text()))
    own = {"LUMATRACE_IMAGE", "LUMATRACE_PORT", "LUMATRACE_COMMIT", "LUMATRACE_SOURCE"}
    files = [path for path in (ROOT / "deploy").rglob("*") if path.suffix in {".yaml", ".service", ".conf"}]
    for path in files + [ROOT / "Dockerfile"]:
        for name in re.findall(r"\b(?:LUMATRACE|DATABASE)_[A-Z_]+\b", path.read_text()):
            assert name in known | own, f"{path}: {name} is no setting"
    print(f"settings named in {len(files) + 1} files are settings")


if __name__ == "__main__":
    dockerfile()
    compose()
    kubernetes(sys.argv[1])
    known_settings()
