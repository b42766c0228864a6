// A service on ECS Fargate from an image that this program builds, in an ECR repository of its own.
import * as assets from "@image-assets/pulumi";
import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";

const config = new pulumi.Config();
const image = new assets.DockerImageAsset("web", {
    directory: "../web",
    buildArgs: { BASE: config.require("base") },
    forceDelete: true, // `pulumi destroy` takes the images along
});

// The role with which the agent pulls the image: from this repository alone.
const agent = new aws.iam.Role("web-agent", {
    assumeRolePolicy: JSON.stringify({
        Version: "2012-10-17",
        Statement: [{ Effect: "Allow", Action: "sts:AssumeRole", Principal: { Service: "ecs-tasks.amazonaws.com" } }],
    }),
});
const pull = image.grantPull({ name: "agent", role: agent.name });

const task = new aws.ecs.TaskDefinition("web", {
    family: "web",
    requiresCompatibilities: ["FARGATE"],
    networkMode: "awsvpc",
    cpu: "256",
    memory: "512",
    executionRoleArn: agent.arn,
    containerDefinitions: pulumi.jsonStringify([
        // The address as the grant returns it: the task waits for the image and for the permission.
        { name: "web", image: pull.imageUri, essential: true, portMappings: [{ containerPort: 80 }] },
    ]),
});
const web = new aws.ecs.Service("web", {
    cluster: new aws.ecs.Cluster("web").arn,
    taskDefinition: task.arn,
    desiredCount: 1,
    launchType: "FARGATE",
    networkConfiguration: { subnets: config.requireObject<string[]>("subnets"), assignPublicIp: true },
});

export const imageUri = image.imageUri;
export const service = web.name;
