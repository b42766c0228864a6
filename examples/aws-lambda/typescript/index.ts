// A Lambda function from an image that this program builds, in an ECR repository of its own.
import * as assets from "@image-assets/pulumi";
import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";

const image = new assets.DockerImageAsset("greeter", {
    directory: "../function",
    buildArgs: { BASE: new pulumi.Config().require("base") },
    forceDelete: true, // `pulumi destroy` takes the images along
});
// Lambda would add the permission itself, if whoever deploys may change repositories' policies; here the program does.
const grant = image.grantPull({ name: "lambda", service: "lambda.amazonaws.com" });

const role = new aws.iam.Role("greeter", {
    assumeRolePolicy: JSON.stringify({
        Version: "2012-10-17",
        Statement: [{ Effect: "Allow", Action: "sts:AssumeRole", Principal: { Service: "lambda.amazonaws.com" } }],
    }),
});
const greeter = new aws.lambda.Function("greeter", {
    packageType: "Image",
    // The address as the grant returns it: the function waits for the image and for the permission.
    imageUri: grant.imageUri,
    role: role.arn,
    timeout: 10,
});

export const imageUri = image.imageUri;
export const functionName = greeter.name;
