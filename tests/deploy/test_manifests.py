"""deploy/k8s: by Kubernetes' own schemas, the operators' fields, and what belongs together."""

import copy
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from consumers.addresses import CLOSED
from domain.runtime.database import ROLE
from projections.topics import Topics
from tests.deploy.described import (
    K8S,
    OPERATIONS,
    built,
    of_kind,
    paths,
    program,
    runs,
    settings,
    variables,
)
from tests.deploy.operators import FIELDS, wrong

FOLDERS = (".", "kafka", "restore")
ALL = {folder: built(folder) for folder in FOLDERS}
MANIFESTS = [one for folder in FOLDERS for one in ALL[folder]]
WORKLOADS = of_kind(MANIFESTS, "Deployment", "Job")
OPERATED = [one for one in MANIFESTS if (one["apiVersion"], one["kind"]) in FIELDS]
# What Kubernetes 1.30 does not know yet, a cluster of 1.30 would drop.
VERSIONS = ("1.30", "1.37")
KEPT = "/var/lib/casebook"  # files of cases


def named(one: dict[str, Any]) -> str:
    return f"{one['kind']}/{one['metadata']['name']}"


def template(workload: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = workload["spec"]["template"]
    return found


def containers(workload: dict[str, Any]) -> Iterator[dict[str, Any]]:
    pod = template(workload)["spec"]
    yield from pod["containers"]
    yield from pod.get("initContainers", ())


EACH_CONTAINER = [
    pytest.param(workload, one, id=f"{named(workload)}/{one['name']}")
    for workload in WORKLOADS
    for one in containers(workload)
]
each_container = pytest.mark.parametrize(("workload", "container"), EACH_CONTAINER)
each_workload = pytest.mark.parametrize("workload", WORKLOADS, ids=named)


def validated(manifest: dict[str, Any], folder: Path, version: str) -> str:
    """What Kubernetes' schemas find."""
    file = folder / "manifest.yaml"
    file.write_text(yaml.safe_dump(manifest))
    told = program("kubernetes-validate", "--strict", "--quiet", "-k", version, file)
    return told.stdout + told.stderr


@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_own_schemas_accept_everything(tmp_path: Path, version: str) -> None:
    builtin = [one for one in MANIFESTS if one not in OPERATED]
    file = tmp_path / "all.yaml"
    file.write_text(yaml.safe_dump_all(builtin))
    told = program("kubernetes-validate", "--strict", "-k", version, file)
    assert told.returncode == 0, told.stdout + told.stderr
    passed = re.findall(r"passed for resource", told.stdout + told.stderr)
    assert len(passed) == len(builtin) > 10


def test_kubernetes_own_schemas_would_not(tmp_path: Path) -> None:
    (api,) = [one for one in WORKLOADS if named(one) == "Deployment/casebook-api"]
    planted = copy.deepcopy(api)
    template(planted)["spec"]["containers"][0]["readinessprobe"] = {}
    assert "readinessprobe" in validated(planted, tmp_path, VERSIONS[-1])


@pytest.mark.parametrize("one", OPERATED, ids=named)
def test_the_operators_know_every_field(one: dict[str, Any]) -> None:
    assert wrong(one) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("instances", "3"),
        ("postgresql.synchronous.method", "all"),
        ("managed.roles.0.inroles", ["casebook_service"]),
        ("backup", {"barmanObjectStore": {}}),
    ],
)
def test_the_operators_would_not_know(path: str, value: object) -> None:
    (cluster,) = of_kind(ALL["."], "Cluster")
    planted = copy.deepcopy(cluster)
    *steps, last = path.split(".")
    place: Any = planted["spec"]
    for step in steps:
        place = place[int(step) if step.isdigit() else step]
    place[last] = value
    assert wrong(planted) == [f"spec.{path}"]


def test_each_kustomization_names_every_file_beside_it() -> None:
    for file in K8S.rglob("kustomization.yaml"):
        told = yaml.safe_load(file.read_text())
        beside = {one.name for one in file.parent.glob("*.yaml")} - {file.name}
        assert {name for name in told["resources"] if name.endswith(".yaml")} == beside
        assert told["namespace"] == "casebook"


def test_every_step_of_an_installation_uses_one_image() -> None:
    images = {one["image"] for workload in WORKLOADS for one in containers(workload)}
    assert len(images) == 1


@each_container
def test_a_container_runs_what_exists_with_settings_that_exist(
    workload: dict[str, Any], container: dict[str, Any]
) -> None:
    assert runs(container["command"])
    assert variables(yaml.safe_dump(workload)) <= settings()


@each_container
def test_a_container_is_as_restricted_as_kubernetes_can_make_it(
    workload: dict[str, Any], container: dict[str, Any]
) -> None:
    pod = template(workload)["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {"cpu", "memory"} <= set(container["resources"]["requests"])
    assert "memory" in container["resources"]["limits"]
    writable = [mount for mount in container["volumeMounts"] if not mount.get("readOnly")]
    files = [KEPT] if any(v["name"] == "files" for v in pod["volumes"]) else []
    assert [mount["mountPath"] for mount in writable] == ["/tmp", *files]  # noqa: S108  its own
    told = {one["name"]: one.get("value") for one in container.get("env", ())}
    assert told.get("CASEBOOK_FILES") == (f"file://{KEPT}" if files else None)


@each_container
def test_a_container_mounts_volumes_that_its_pod_has(
    workload: dict[str, Any], container: dict[str, Any]
) -> None:
    volumes = {volume["name"] for volume in template(workload)["spec"]["volumes"]}
    assert {mount["name"] for mount in container["volumeMounts"]} == volumes
    folders = {mount["mountPath"] for mount in container["volumeMounts"]}
    given = {one["name"]: one.get("value") for one in container["env"]}
    assert given.get("CASEBOOK_SECRETS") in {None, *folders}


def secrets_used(value: object) -> Iterator[tuple[str, str]]:
    """Every secret that something names, and the key of it."""
    if isinstance(value, dict):
        if "secretName" in value:
            keys = [item["key"] for item in value.get("items", ())]
            yield from ((value["secretName"], key) for key in keys or ["*"])
        for name, inner in value.items():
            if name in {"secretKeyRef", "accessKeyId", "secretAccessKey"}:
                yield inner["name"], inner["key"]
            elif name == "passwordSecret":
                yield from ((inner["name"], key) for key in ("username", "password"))
            else:
                yield from secrets_used(inner)
    elif isinstance(value, list):
        for item in value:
            yield from secrets_used(item)


def secrets_there() -> dict[str, set[str]]:
    """The secrets that the handbook makes and those that CloudNativePG does."""
    found = re.findall(
        r"kubectl .*create secret generic ([\w-]+) ((?:.*\\\n)*.*)", OPERATIONS.read_text()
    )
    made = {name: set(re.findall(r"--from-\w+=([\w.]+)=", rest)) for name, rest in found}
    (cluster,) = of_kind(ALL["."], "Cluster")
    name = cluster["metadata"]["name"]
    return {**made, f"{name}-app": {"username", "password"}, f"{name}-ca": {"ca.crt"}}


def test_every_secret_that_is_named_is_made_with_its_keys() -> None:
    there = secrets_there()
    used = {pair for one in MANIFESTS for pair in secrets_used(one)}
    assert {name for name, _ in used} == set(there)
    assert [(name, key) for name, key in used if key != "*" and key not in there[name]] == []
    mounted = {key for name, key in used if key == "*" for key in there[name]}
    assert {key.upper() for key in mounted} <= settings()


@each_container
def test_a_container_reaches_the_database_as_somebody_it_has(
    workload: dict[str, Any], container: dict[str, Any]
) -> None:
    (cluster,) = of_kind(ALL["."], "Cluster")
    name, spec = cluster["metadata"]["name"], cluster["spec"]
    given = {one["name"]: one for one in container["env"]}
    url = urlsplit(given["CASEBOOK_DATABASE_URL"]["value"])
    assert (url.hostname, url.port) == (f"{name}-rw", 5432)
    assert url.path == f"/{spec['bootstrap']['initdb']['database']}"
    secret = given["PGPASSWORD"]["valueFrom"]["secretKeyRef"]["name"]
    passwords = {
        role["name"]: role["passwordSecret"]["name"]
        for role in spec["managed"]["roles"]
        if role["login"]
    }
    owner = spec["bootstrap"]["initdb"]["owner"]
    assert secret == {**passwords, owner: f"{name}-app"}[url.username or ""]
    # Only what migrates or begins an epoch is the owner.
    assert (url.username == owner) is (workload["kind"] == "Job")
    asked = parse_qs(url.query)
    assert asked["sslmode"] == ["verify-full"]
    (certificate,) = asked["sslrootcert"]
    folders = {mount["mountPath"] for mount in container["volumeMounts"]}
    assert str(Path(certificate).parent) in folders


def test_the_service_s_role_is_the_one_that_migrations_grant_to() -> None:
    (cluster,) = of_kind(ALL["."], "Cluster")
    group, login = cluster["spec"]["managed"]["roles"]
    assert f"CREATE ROLE {group['name']} NOLOGIN" in ROLE
    assert login["inRoles"] == [group["name"]]


def test_an_acknowledged_command_is_on_two_machines() -> None:
    (cluster,) = of_kind(ALL["."], "Cluster")
    postgresql = cluster["spec"]["postgresql"]
    assert postgresql["synchronous"]["dataDurability"] == "required"
    assert 1 <= postgresql["synchronous"]["number"] < cluster["spec"]["instances"] - 1
    assert postgresql["parameters"]["synchronous_commit"] == "on"
    assert cluster["spec"]["affinity"]["podAntiAffinityType"] == "required"


def test_the_backups_are_made_of_the_database_into_the_store() -> None:
    (cluster,), (backup,) = of_kind(ALL["."], "Cluster"), of_kind(ALL["."], "ScheduledBackup")
    (store,) = of_kind(ALL["."], "ObjectStore")
    (plugin,) = cluster["spec"]["plugins"]
    assert backup["spec"]["cluster"]["name"] == cluster["metadata"]["name"]
    assert backup["spec"]["pluginConfiguration"]["name"] == plugin["name"]
    assert plugin["isWALArchiver"] is True
    assert plugin["parameters"] == {"barmanObjectName": store["metadata"]["name"]}
    assert len(backup["spec"]["schedule"].split()) == 6


def test_a_restore_reads_the_old_backups_and_writes_elsewhere() -> None:
    (before,), (after,) = of_kind(ALL["."], "Cluster"), of_kind(ALL["restore"], "Cluster")
    assert "initdb" not in after["spec"]["bootstrap"]
    recovery = after["spec"]["bootstrap"]["recovery"]
    (external,) = after["spec"]["externalClusters"]
    (plugin,) = after["spec"]["plugins"]
    assert recovery["source"] == external["name"]
    assert external["plugin"]["parameters"]["serverName"] == before["metadata"]["name"]
    assert plugin["parameters"]["serverName"] != before["metadata"]["name"]
    changed = {"bootstrap", "externalClusters", "plugins"}
    kept = [{k: v for k, v in one["spec"].items() if k not in changed} for one in (before, after)]
    assert kept[0] == kept[1]
    (job,) = of_kind(ALL["restore"], "Job")
    (first,) = template(job)["spec"]["initContainers"]
    (then,) = template(job)["spec"]["containers"]
    assert first["command"] == ["casebook", "migrate"]
    assert then["command"] == ["casebook", "restored", "--yes"]


def selected(selector: dict[str, str]) -> list[dict[str, Any]]:
    return [
        workload
        for workload in WORKLOADS
        if selector.items() <= template(workload)["metadata"]["labels"].items()
    ]


def test_every_selector_selects_what_it_is_named_after() -> None:
    for one in of_kind(MANIFESTS, "Deployment", "PodDisruptionBudget"):
        found = selected(one["spec"]["selector"]["matchLabels"])
        assert [f["metadata"]["name"] for f in found] == [one["metadata"]["name"]]
    (service,) = of_kind(MANIFESTS, "Service")
    assert [named(f) for f in selected(service["spec"]["selector"])] == ["Deployment/casebook-api"]


def test_the_ports_and_the_probes_of_the_api_are_those_it_has() -> None:
    (api,) = [one for one in WORKLOADS if named(one) == "Deployment/casebook-api"]
    (container,) = containers(api)
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports == {"http": 8000}
    (service,) = of_kind(MANIFESTS, "Service")
    assert [port["targetPort"] in ports for port in service["spec"]["ports"]] == [True]
    probes = {name: probe for name, probe in container.items() if name.endswith("Probe")}
    assert set(probes) == {"startupProbe", "livenessProbe", "readinessProbe"}
    for probe in probes.values():
        assert probe["httpGet"]["path"] in paths()
        assert probe["httpGet"]["port"] in ports
    assert probes["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert probes["livenessProbe"]["httpGet"]["path"] == "/livez"


@pytest.mark.parametrize(
    "workload", of_kind(MANIFESTS, "Deployment"), ids=lambda one: named(one).split("/")[1]
)
def test_a_rollout_or_a_lost_machine_leaves_somebody(workload: dict[str, Any]) -> None:
    spec = workload["spec"]
    assert spec["replicas"] >= 2
    assert spec["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    budgets = {one["metadata"]["name"] for one in of_kind(MANIFESTS, "PodDisruptionBudget")}
    assert workload["metadata"]["name"] in budgets


def test_the_network_lets_through_what_is_used_and_no_more() -> None:
    policies = {one["metadata"]["name"]: one["spec"] for one in of_kind(MANIFESTS, "NetworkPolicy")}
    everybody = policies["casebook"]
    assert set(everybody["policyTypes"]) == {"Ingress", "Egress"}
    assert "ingress" not in everybody
    assert len(selected(everybody["podSelector"]["matchLabels"])) == len(WORKLOADS)
    (cluster,) = of_kind(ALL["."], "Cluster")
    database = {"cnpg.io/cluster": cluster["metadata"]["name"]}
    out = everybody["egress"][0]
    assert out["to"][0]["podSelector"]["matchLabels"] == database
    assert [port["port"] for port in out["ports"]] == [5432]
    assert policies["casebook-db"]["podSelector"]["matchLabels"] == database
    (hooks,) = policies["casebook-consumers"]["egress"]
    assert [port["port"] for port in hooks["ports"]] == [443]
    blocks = [to["ipBlock"] for to in hooks["to"]]
    closed = {network for block in blocks for network in block.get("except", [])}
    assert closed <= set(map(str, CLOSED)), "what no webhook is sent to"
    (into,) = policies["casebook-api"]["ingress"]
    assert [port["port"] for port in into["ports"]] == ["http"]


def test_the_topics_are_kept_by_two_brokers_and_are_as_the_relay_wants_them() -> None:
    (kafka,), topics = of_kind(ALL["kafka"], "Kafka"), of_kind(ALL["kafka"], "KafkaTopic")
    (pool,) = of_kind(ALL["kafka"], "KafkaNodePool")
    for one in (*topics, pool):
        assert one["metadata"]["labels"]["strimzi.io/cluster"] == kafka["metadata"]["name"]
    wanted = (Topics().cases, Topics().configuration, Topics().state)
    there = {one["metadata"]["name"]: one["spec"] for one in topics}
    assert set(there) == {topic.name for topic in wanted}
    for topic in wanted:
        spec = there[topic.name]
        assert spec["replicas"] == pool["spec"]["replicas"] == 3
        assert spec["config"]["min.insync.replicas"] == 2
        has = {name: str(value).lower() for name, value in spec["config"].items()}
        topic.check({**has, "message.timestamp.type": "CreateTime"}, [3], 3)
        assert has["message.timestamp.type"] == "createtime"
    assert kafka["spec"]["kafka"]["config"]["auto.create.topics.enable"] is False
