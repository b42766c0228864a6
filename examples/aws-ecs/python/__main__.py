"""A service on ECS Fargate from an image that this program builds, in an ECR repository of its own."""

import json

import pulumi
import pulumi_aws as aws
import pulumi_image_assets as assets

config = pulumi.Config()
image = assets.DockerImageAsset(
    "web",
    directory="../web",
    build_args={"BASE": config.require("base")},
    force_delete=True,  # `pulumi destroy` takes the images along
)

# The role with which the agent pulls the image: from this repository alone.
agent = aws.iam.Role(
    "web-agent",
    assume_role_policy=json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ecs-tasks.amazonaws.com"}}
            ],
        }
    ),
)
pull = image.grant_pull(name="agent", role=agent.name)

container = {
    "name": "web",
    # As the grant returns it: the task waits for the image and for the permission.
    "image": pull.image_uri,
    "essential": True,
    "portMappings": [{"containerPort": 80}],
}
task = aws.ecs.TaskDefinition(
    "web",
    family="web",
    requires_compatibilities=["FARGATE"],
    network_mode="awsvpc",
    cpu="256",
    memory="512",
    execution_role_arn=agent.arn,
    container_definitions=pulumi.Output.json_dumps([container]),
)
service = aws.ecs.Service(
    "web",
    cluster=aws.ecs.Cluster("web").arn,
    task_definition=task.arn,
    desired_count=1,
    launch_type="FARGATE",
    network_configuration={"subnets": config.require_object("subnets"), "assign_public_ip": True},
)

pulumi.export("imageUri", image.image_uri)
pulumi.export("service", service.name)
