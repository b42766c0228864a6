"""A stand-in for pulumi-aws: the resources and functions that the components and examples use, over an emulated AWS.

It speaks Pulumi's provider protocol as the real plugin does where that matters here: explicit names replace by deleting
first, tokens are secret, diffs name each property, and Lambda adds its own statement to repositories that lack one.
"""

# ruff: noqa: N802 - the methods' names are gRPC's

import json
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import botocore.session
import grpc
from botocore.exceptions import ClientError
from google.protobuf import empty_pb2
from pulumi.runtime.proto import provider_pb2 as pb

from tests.fakes.ecr_front import PLUGIN_KEY, REGION
from tests.fakes.plugins import Props, StandIn, made_name, plain, serve, struct

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270"}
VERSION = "7.51.1"
PULLS = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]


#: Threads may share clients, but not make them at the same time (botocore's session reads its data once).
_CLIENTS = threading.Lock()
_SESSION = botocore.session.Session()


@cache
def _client(service: str, region: str, endpoint: str | None) -> Any:
    return _SESSION.create_client(
        service, region, endpoint_url=endpoint, aws_access_key_id=PLUGIN_KEY, aws_secret_access_key="secret"
    )


@dataclass
class Cloud:
    """The AWS that the provider's configuration means."""

    region: str = REGION
    endpoint: str | None = None

    def client(self, service: str) -> Any:
        """Return a client."""
        with _CLIENTS:
            return _client(service, self.region, self.endpoint)

    @property
    def account(self) -> str:
        """The account's id."""
        return str(self.client("sts").get_caller_identity()["Account"])


@dataclass(frozen=True)
class Kind:
    """One resource type.

    Attributes:
        inputs: Its inputs.
        outputs: What else it has.
        replacing: The inputs that cannot change in place.
        create: Makes it; returns id and outputs.
        update: Changes it.
        exists: Says whether it is there.
        delete: Removes it.
        autonamed: Whether `name` is made up where it is not given.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    replacing: frozenset[str]
    create: Callable[[Cloud, Props], tuple[str, Props]]
    update: Callable[[Cloud, str, Props], None]
    exists: Callable[[Cloud, str], Any]
    delete: Callable[[Cloud, str, Props], Any]
    autonamed: bool = False


# --- ECR


def _create_repository(cloud: Cloud, props: Props) -> tuple[str, Props]:
    encryption = (props.get("encryptionConfigurations") or [{"encryptionType": "AES256"}])[0]
    made = cloud.client("ecr").create_repository(
        repositoryName=props["name"],
        **_mutability(props),
        imageScanningConfiguration=props.get("imageScanningConfiguration") or {"scanOnPush": False},
        encryptionConfiguration={key: value for key, value in encryption.items() if value},
        tags=_pairs(props.get("tags")),
    )["repository"]
    outputs = {"arn": made["repositoryArn"], "repositoryUrl": made["repositoryUri"], "registryId": made["registryId"]}
    return props["name"], outputs


def _update_repository(cloud: Cloud, name: str, props: Props) -> None:
    ecr = cloud.client("ecr")
    arn = ecr.describe_repositories(repositoryNames=[name])["repositories"][0]["repositoryArn"]
    ecr.put_image_tag_mutability(repositoryName=name, **_mutability(props))
    ecr.put_image_scanning_configuration(
        repositoryName=name,
        imageScanningConfiguration=props.get("imageScanningConfiguration") or {"scanOnPush": False},
    )
    if old := [tag["Key"] for tag in ecr.list_tags_for_resource(resourceArn=arn)["tags"]]:
        ecr.untag_resource(resourceArn=arn, tagKeys=old)
    if props.get("tags"):
        ecr.tag_resource(resourceArn=arn, tags=_pairs(props["tags"]))


def _mutability(props: Props) -> Props:
    """Return what may become of tags; the real plugin refuses filters without the mode that they belong to."""
    mode, filters = props.get("imageTagMutability", "MUTABLE"), props.get("imageTagMutabilityExclusionFilters")
    if bool(filters) != mode.endswith("_WITH_EXCLUSION"):
        raise ClientError({"Error": {"Code": "ValidationException", "Message": f"{mode} with {filters}"}}, "Plan")
    return {"imageTagMutability": mode, **({"imageTagMutabilityExclusionFilters": filters} if filters else {})}


def _delete_repository(cloud: Cloud, name: str, props: Props) -> None:
    cloud.client("ecr").delete_repository(repositoryName=name, force=bool(props.get("forceDelete")))


def _pairs(tags: Mapping[str, str] | None) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in (tags or {}).items()]


def _put_lifecycle(cloud: Cloud, props: Props) -> tuple[str, Props]:
    ecr = cloud.client("ecr")
    made = ecr.put_lifecycle_policy(repositoryName=props["repository"], lifecyclePolicyText=props["policy"])
    return props["repository"], {"registryId": made["registryId"]}


# --- IAM


def _create_role(cloud: Cloud, props: Props) -> tuple[str, Props]:
    role = cloud.client("iam").create_role(RoleName=props["name"], AssumeRolePolicyDocument=props["assumeRolePolicy"])
    return props["name"], {"arn": role["Role"]["Arn"], "uniqueId": role["Role"]["RoleId"]}


def _put_role_policy(cloud: Cloud, props: Props) -> tuple[str, Props]:
    cloud.client("iam").put_role_policy(
        RoleName=props["role"], PolicyName=props["name"], PolicyDocument=props["policy"]
    )
    return f"{props['role']}:{props['name']}", {}


def _role_policy_names(resource_id: str) -> dict[str, str]:
    role, _, name = resource_id.partition(":")
    return {"RoleName": role, "PolicyName": name}


# --- Lambda


def _create_function(cloud: Cloud, props: Props) -> tuple[str, Props]:
    _let_lambda_pull(cloud, props["imageUri"])
    made = cloud.client("lambda").create_function(
        FunctionName=props["name"], Role=props["role"], PackageType="Image", Code={"ImageUri": props["imageUri"]}
    )
    return props["name"], {"arn": made["FunctionArn"]}


def _update_function(cloud: Cloud, name: str, props: Props) -> None:
    _let_lambda_pull(cloud, props["imageUri"])
    cloud.client("lambda").update_function_code(FunctionName=name, ImageUri=props["imageUri"])


def _let_lambda_pull(cloud: Cloud, uri: str) -> None:
    """Do what Lambda does with an image: it must exist, and its repository must let Lambda pull."""
    ecr = cloud.client("ecr")
    _described(cloud, uri)
    name = uri.partition("/")[2].rsplit(":", 1)[0]
    try:
        document = json.loads(ecr.get_repository_policy(repositoryName=name)["policyText"])
    except ecr.exceptions.RepositoryPolicyNotFoundException:
        document = {"Version": "2008-10-17", "Statement": []}
    if any(statement.get("Principal") == {"Service": "lambda.amazonaws.com"} for statement in document["Statement"]):
        return
    source = f"arn:aws:lambda:{cloud.region}:{cloud.account}:function:*"
    statement = {
        "Sid": "LambdaECRImageRetrievalPolicy",
        "Effect": "Allow",
        "Principal": {"Service": "lambda.amazonaws.com"},
        "Action": PULLS,
        "Condition": {"StringLike": {"aws:sourceArn": source}},
    }
    document["Statement"].append(statement)
    ecr.set_repository_policy(repositoryName=name, policyText=json.dumps(document))


# --- ECS

_TASK = (
    "family",
    "requiresCompatibilities",
    "networkMode",
    "cpu",
    "memory",
    "executionRoleArn",
    "containerDefinitions",
)


def _create_cluster(cloud: Cloud, props: Props) -> tuple[str, Props]:
    made = cloud.client("ecs").create_cluster(clusterName=props["name"])["cluster"]
    return made["clusterArn"], {"arn": made["clusterArn"]}


def _register_task(cloud: Cloud, props: Props) -> tuple[str, Props]:
    """Register a revision; the image of each container must be there, as it must be for the agent that pulls it."""
    containers = json.loads(props["containerDefinitions"])
    for container in containers:
        _described(cloud, container["image"])
    made = cloud.client("ecs").register_task_definition(
        **{key: props[key] for key in ("family", "networkMode", "executionRoleArn", "cpu", "memory")},
        containerDefinitions=containers,
        requiresCompatibilities=props["requiresCompatibilities"],
    )["taskDefinition"]
    return props["family"], {"arn": made["taskDefinitionArn"], "revision": made["revision"]}


def _create_service(cloud: Cloud, props: Props) -> tuple[str, Props]:
    network = props["networkConfiguration"]
    address = "ENABLED" if network["assignPublicIp"] else "DISABLED"
    made = cloud.client("ecs").create_service(
        serviceName=props["name"],
        **{key: props[key] for key in ("cluster", "taskDefinition", "launchType")},
        desiredCount=int(props["desiredCount"]),
        networkConfiguration={
            "awsvpcConfiguration": {
                "subnets": network["subnets"],
                "securityGroups": network.get("securityGroups") or [],
                "assignPublicIp": address,
            }
        },
    )["service"]
    return made["serviceArn"], {"arn": made["serviceArn"]}


def _update_service(cloud: Cloud, arn: str, props: Props) -> None:
    cloud.client("ecs").update_service(
        cluster=props["cluster"], service=props["name"], taskDefinition=props["taskDefinition"]
    )


def _delete_service(cloud: Cloud, arn: str, props: Props) -> None:
    cloud.client("ecs").delete_service(cluster=props["cluster"], service=props["name"], force=True)


def _described(cloud: Cloud, uri: str) -> Any:
    """Return what ECR says of a reference by tag.

    Raises:
        ClientError: There is no such image.
    """
    name, tag = uri.partition("/")[2].rsplit(":", 1)
    return cloud.client("ecr").describe_images(repositoryName=name, imageIds=[{"imageTag": tag}])


KINDS: Mapping[str, Kind] = {
    "aws:ecr/repository:Repository": Kind(
        (
            "name",
            "imageTagMutability",
            "imageTagMutabilityExclusionFilters",
            "imageScanningConfiguration",
            "encryptionConfigurations",
            "forceDelete",
            "tags",
        ),
        ("arn", "repositoryUrl", "registryId"),
        frozenset({"name", "encryptionConfigurations"}),
        _create_repository,
        _update_repository,
        lambda cloud, name: cloud.client("ecr").describe_repositories(repositoryNames=[name]),
        _delete_repository,
        autonamed=True,
    ),
    "aws:ecr/lifecyclePolicy:LifecyclePolicy": Kind(
        ("repository", "policy"),
        ("registryId",),
        frozenset({"repository"}),
        _put_lifecycle,
        lambda cloud, _name, props: _put_lifecycle(cloud, props)[1].clear(),
        lambda cloud, name: cloud.client("ecr").get_lifecycle_policy(repositoryName=name),
        lambda cloud, name, _props: cloud.client("ecr").delete_lifecycle_policy(repositoryName=name),
    ),
    "aws:iam/role:Role": Kind(
        ("name", "assumeRolePolicy"),
        ("arn", "uniqueId"),
        frozenset({"name"}),
        _create_role,
        lambda _cloud, _name, _props: None,
        lambda cloud, name: cloud.client("iam").get_role(RoleName=name),
        lambda cloud, name, _props: cloud.client("iam").delete_role(RoleName=name),
        autonamed=True,
    ),
    "aws:iam/rolePolicy:RolePolicy": Kind(
        ("name", "role", "policy"),
        (),
        frozenset({"name", "role"}),
        _put_role_policy,
        lambda cloud, _id, props: _put_role_policy(cloud, props)[1].clear(),
        lambda cloud, found: cloud.client("iam").get_role_policy(**_role_policy_names(found)),
        lambda cloud, found, _props: cloud.client("iam").delete_role_policy(**_role_policy_names(found)),
        autonamed=True,
    ),
    "aws:lambda/function:Function": Kind(
        ("name", "role", "packageType", "imageUri", "timeout"),
        ("arn",),
        frozenset({"name", "packageType"}),
        _create_function,
        _update_function,
        lambda cloud, name: cloud.client("lambda").get_function(FunctionName=name),
        lambda cloud, name, _props: cloud.client("lambda").delete_function(FunctionName=name),
        autonamed=True,
    ),
    "aws:ecs/cluster:Cluster": Kind(
        ("name",),
        ("arn",),
        frozenset({"name"}),
        _create_cluster,
        lambda _cloud, _arn, _props: None,
        lambda cloud, arn: cloud.client("ecs").describe_clusters(clusters=[arn]),
        lambda cloud, arn, _props: cloud.client("ecs").delete_cluster(cluster=arn),
        autonamed=True,
    ),
    "aws:ecs/taskDefinition:TaskDefinition": Kind(
        _TASK,
        ("arn", "revision"),
        frozenset(_TASK),
        _register_task,
        lambda _cloud, _family, _props: None,
        lambda cloud, family: cloud.client("ecs").describe_task_definition(taskDefinition=family),
        lambda cloud, _family, props: cloud.client("ecs").deregister_task_definition(taskDefinition=props["arn"]),
    ),
    "aws:ecs/service:Service": Kind(
        ("name", "cluster", "taskDefinition", "desiredCount", "launchType", "networkConfiguration"),
        ("arn",),
        frozenset({"name", "cluster", "launchType"}),
        _create_service,
        _update_service,
        lambda cloud, arn: cloud.client("ecs").describe_services(services=[arn]),
        _delete_service,
        autonamed=True,
    ),
}


# --- functions


def _authorization_token(cloud: Cloud) -> Props:
    data = cloud.client("ecr").get_authorization_token()["authorizationData"][0]
    return {
        "id": cloud.region,
        "region": cloud.region,
        "proxyEndpoint": data["proxyEndpoint"],
        "userName": "AWS",
        "expiresAt": data["expiresAt"].isoformat(),
        "authorizationToken": {**SECRET, "value": data["authorizationToken"]},
        "password": {**SECRET, "value": data["authorizationToken"]},
    }


def _caller_identity(cloud: Cloud) -> Props:
    found = cloud.client("sts").get_caller_identity()
    return {"id": found["Account"], "accountId": found["Account"], "arn": found["Arn"], "userId": found["UserId"]}


FUNCTIONS: Mapping[str, Callable[[Cloud], Props]] = {
    "aws:ecr/getAuthorizationToken:getAuthorizationToken": _authorization_token,
    "aws:index/getCallerIdentity:getCallerIdentity": _caller_identity,
    "aws:index/getRegion:getRegion": lambda cloud: {"id": cloud.region, "region": cloud.region, "name": cloud.region},
    "aws:index/getPartition:getPartition": lambda _cloud: {"id": "aws", "partition": "aws"},
}


# --- the protocol


class Plugin(StandIn):
    """Pulumi's provider protocol over the tables."""

    def __init__(self, cloud: Cloud | None = None) -> None:
        super().__init__(schema())
        self.cloud = cloud or Cloud()

    def Configure(self, request: Any, context: Any) -> pb.ConfigureResponse:
        """Learn region and endpoint."""
        args = plain(request.args)
        endpoints = json.loads(args.get("endpoints") or "[{}]")
        endpoint = endpoints[0].get("ecr") or os.environ.get("AWS_ENDPOINT_URL")
        self.cloud = Cloud(args.get("region") or os.environ.get("AWS_REGION", REGION), endpoint)
        return pb.ConfigureResponse()

    def Check(self, request: Any, context: Any) -> pb.CheckResponse:
        """Make up a name where none is given, the same one for the resource's life."""
        kind, news, olds = _kind(request.urn), plain(request.news), plain(request.olds)
        if kind.autonamed and "name" not in news:
            news["name"] = olds.get("name") or made_name(request)
        unknown = [key for key in news if key not in kind.inputs and not key.startswith("__")]
        failures = [pb.CheckFailure(property=key, reason="the stand-in has no such input") for key in unknown]
        return pb.CheckResponse(inputs=struct(news), failures=failures)

    def Diff(self, request: Any, context: Any) -> pb.DiffResponse:
        """Name each input that differs; one that cannot change in place replaces, deleting first."""
        kind, olds, news = _kind(request.urn), plain(request.old_inputs), plain(request.news)
        changed = [key for key in kind.inputs if olds.get(key) != news.get(key) or UNKNOWN in json.dumps(news.get(key))]
        replaces = [key for key in changed if key in kind.replacing]
        return pb.DiffResponse(
            changes=pb.DiffResponse.DIFF_SOME if changed else pb.DiffResponse.DIFF_NONE,
            diffs=changed,
            replaces=replaces,
            deleteBeforeReplace=bool(replaces) and kind.autonamed,
            hasDetailedDiff=True,
            detailedDiff={
                key: pb.PropertyDiff(kind=_change(key, olds, news, key in kind.replacing), inputDiff=True)
                for key in changed
            },
        )

    def Create(self, request: Any, context: Any) -> pb.CreateResponse:
        """Make a resource."""
        props = plain(request.properties)
        found, outputs = _answered(context, lambda: _kind(request.urn).create(self.cloud, props))
        return pb.CreateResponse(id=found, properties=struct({**props, **outputs}))

    def Update(self, request: Any, context: Any) -> pb.UpdateResponse:
        """Change a resource."""
        kind, props = _kind(request.urn), plain(request.news)
        _answered(context, lambda: kind.update(self.cloud, request.id, props))
        kept = {key: value for key, value in plain(request.olds).items() if key in kind.outputs}
        return pb.UpdateResponse(properties=struct({**kept, **props}))

    def Read(self, request: Any, context: Any) -> pb.ReadResponse:
        """Say whether a resource is there."""
        try:
            _kind(request.urn).exists(self.cloud, request.id)
        except ClientError:
            return pb.ReadResponse()
        return pb.ReadResponse(id=request.id, inputs=request.inputs, properties=request.properties)

    def Delete(self, request: Any, context: Any) -> empty_pb2.Empty:
        """Remove a resource; one that is gone is removed."""
        props = plain(request.properties)
        try:
            _kind(request.urn).delete(self.cloud, request.id, props)
        except ClientError as error:
            if not error.response["Error"]["Code"].startswith(
                ("RepositoryNotFound", "NoSuchEntity", "LifecyclePolicyN")
            ):
                context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))
        return empty_pb2.Empty()

    def Invoke(self, request: Any, context: Any) -> pb.InvokeResponse:
        """Call a function."""
        answer = _answered(context, lambda: FUNCTIONS[request.tok](self.cloud))
        result: dict[str, Any] = {"return": struct(answer)}
        return pb.InvokeResponse(**result)


def _kind(urn: str) -> Kind:
    return KINDS[urn.split("::")[2].rpartition("$")[2]]


def _change(key: str, olds: Props, news: Props, replace: bool) -> Any:  # noqa: FBT001 - private
    kind = "ADD" if key not in olds else "DELETE" if key not in news else "UPDATE"
    return pb.PropertyDiff.Kind.Value(f"{kind}_REPLACE" if replace else kind)


def _answered(context: Any, work: Callable[[], Any]) -> Any:
    try:
        return work()
    except ClientError as error:
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))


def schema() -> dict[str, Any]:
    """Return a package schema of the tables in which everything may be anything."""
    anything = {"$ref": "pulumi.json#/Any"}
    resources = {
        token: {
            "inputProperties": dict.fromkeys(kind.inputs, anything),
            "properties": dict.fromkeys((*kind.inputs, *kind.outputs), anything),
        }
        for token, kind in KINDS.items()
    }
    functions = {token: {"outputs": {"type": "object", "additionalProperties": anything}} for token in FUNCTIONS}
    config = {"variables": {"region": {"type": "string"}}}
    provider = {"inputProperties": {"region": {"type": "string"}, "profile": {"type": "string"}}}
    return {
        "name": "aws",
        "version": VERSION,
        "meta": {"moduleFormat": "(.*)(?:/[^/]*)"},
        "config": config,
        "provider": provider,
        "resources": resources,
        "functions": functions,
    }


def main() -> None:
    """Serve."""
    serve(Plugin())


if __name__ == "__main__":
    main()
