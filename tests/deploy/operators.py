"""The fields of the operators' own resources that the manifests use, as the operators have them.

The definitions themselves are 20,000 lines, and Kubernetes drops an unknown field without a word.

Source: the CustomResourceDefinitions of CloudNativePG 1.26 and newer (postgresql.cnpg.io/v1), its
Barman Cloud plugin (barmancloud.cnpg.io/v1) and Strimzi 0.49 and newer (kafka.strimzi.io/v1).
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias

Known: TypeAlias = "type | tuple[Any, ...] | list[Known] | Mapping[str, Known] | None"
ANY: Final = None
RESOURCES: Known = {"requests": ANY, "limits": ANY, "claims": ANY}
SECRET_KEY: Known = {"name": str, "key": str}
PLUGIN: Known = {"name": str, "enabled": bool, "isWALArchiver": bool, "parameters": ANY}

FIELDS: Final[Mapping[tuple[str, str], Known]] = {
    ("postgresql.cnpg.io/v1", "Cluster"): {
        "instances": int,
        "imageName": str,
        "primaryUpdateStrategy": ("unsupervised", "supervised"),
        "postgresql": {
            "parameters": ANY,  # each a string: PostgreSQL's own
            "synchronous": {
                "method": ("any", "first"),
                "number": int,
                "dataDurability": ("required", "preferred"),
            },
        },
        "bootstrap": {
            "initdb": {
                "database": str,
                "owner": str,
                "encoding": str,
                "localeCollate": str,
                "localeCType": str,
                "dataChecksums": bool,
            },
            "recovery": {
                "source": str,
                "database": str,
                "owner": str,
                "recoveryTarget": {"targetTime": str},
            },
        },
        "externalClusters": [{"name": str, "plugin": PLUGIN}],
        "managed": {
            "roles": [
                {
                    "name": str,
                    "comment": str,
                    "ensure": ("present", "absent"),
                    "login": bool,
                    "inherit": bool,
                    "inRoles": [str],
                    "passwordSecret": {"name": str},
                }
            ]
        },
        "storage": {"size": str, "storageClass": str},
        "walStorage": {"size": str, "storageClass": str},
        "resources": RESOURCES,
        "affinity": {
            "enablePodAntiAffinity": bool,
            "topologyKey": str,
            "podAntiAffinityType": ("required", "preferred"),
        },
        "plugins": [PLUGIN],
    },
    ("postgresql.cnpg.io/v1", "ScheduledBackup"): {
        "schedule": str,
        "immediate": bool,
        "suspend": bool,
        "backupOwnerReference": ("none", "self", "cluster"),
        "cluster": {"name": str},
        "target": ("primary", "prefer-standby"),
        "method": ("barmanObjectStore", "volumeSnapshot", "plugin"),
        "pluginConfiguration": {"name": str, "parameters": ANY},
    },
    ("barmancloud.cnpg.io/v1", "ObjectStore"): {
        "retentionPolicy": str,
        "configuration": {
            "destinationPath": str,
            "endpointURL": str,
            "s3Credentials": {"accessKeyId": SECRET_KEY, "secretAccessKey": SECRET_KEY},
            "wal": {"compression": ("bzip2", "gzip", "lz4", "snappy", "xz", "zstd")},
            "data": {"compression": ("bzip2", "gzip", "snappy")},
        },
    },
    ("kafka.strimzi.io/v1", "KafkaNodePool"): {
        "replicas": int,
        "roles": [("controller", "broker")],
        "storage": {
            "type": ("jbod", "persistent-claim", "ephemeral"),
            "volumes": [
                {
                    "id": int,
                    "type": ("persistent-claim", "ephemeral"),
                    "size": str,
                    "kraftMetadata": ("shared",),
                    "deleteClaim": bool,
                }
            ],
        },
        "resources": RESOURCES,
    },
    ("kafka.strimzi.io/v1", "Kafka"): {
        "kafka": {
            "listeners": [
                {
                    "name": str,
                    "port": int,
                    "type": ("internal", "route", "loadbalancer", "nodeport", "ingress"),
                    "tls": bool,
                    "authentication": {"type": ("tls", "scram-sha-512", "custom")},
                }
            ],
            "authorization": {"type": ("simple", "custom")},
            "config": ANY,  # Kafka's own
        },
        "entityOperator": {"topicOperator": ANY, "userOperator": ANY},
    },
    ("kafka.strimzi.io/v1", "KafkaTopic"): {
        "topicName": str,
        "partitions": int,
        "replicas": int,
        "config": ANY,  # Kafka's own
    },
}


def wrong(manifest: Mapping[str, Any]) -> list[str]:
    """Each field of the resource that its operator would drop or refuse."""
    known = FIELDS.get((manifest["apiVersion"], manifest["kind"]))
    return ["kind"] if known is None else list(_wrong(manifest["spec"], known, "spec"))


def _wrong(value: object, known: Known, path: str) -> Iterator[str]:
    if isinstance(known, Mapping):
        inner = value if isinstance(value, Mapping) else {"": value}
        for name, each in inner.items():
            here = f"{path}.{name}"
            yield from _wrong(each, known[name], here) if name in known else [here]
    elif isinstance(known, list):
        items = value if isinstance(value, list) else [None]
        for n, item in enumerate(items):
            yield from _wrong(item, known[0], f"{path}.{n}")
    elif isinstance(known, tuple):
        yield from [] if value in known else [path]
    elif known is not ANY and type(value) is not known:
        yield path
