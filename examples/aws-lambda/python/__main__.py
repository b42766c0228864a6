"""A Lambda function from an image that this program builds, in an ECR repository of its own."""

import json

import pulumi
import pulumi_aws as aws
import pulumi_image_assets as assets

image = assets.DockerImageAsset(
    "greeter",
    directory="../function",
    build_args={"BASE": pulumi.Config().require("base")},
    force_delete=True,  # `pulumi destroy` takes the images along
)
# Lambda would add the permission itself, if whoever deploys may change repositories' policies; here the program does.
grant = image.grant_pull(name="lambda", service="lambda.amazonaws.com")

role = aws.iam.Role(
    "greeter",
    assume_role_policy=json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}
            ],
        }
    ),
)
function = aws.lambda_.Function(
    "greeter",
    package_type="Image",
    # The address as the grant returns it: the function waits for the image and for the permission.
    image_uri=grant.image_uri,
    role=role.arn,
    timeout=10,
)

pulumi.export("imageUri", image.image_uri)
pulumi.export("functionName", function.name)
