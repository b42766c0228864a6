// A stand-in for @pulumi/aws: the resources of the examples, as the SDK registers them. The SDK itself has 100 MB.
import * as pulumi from "@pulumi/pulumi";

type Text = pulumi.Input<string>;

class Resource extends pulumi.CustomResource {
    declare readonly arn: pulumi.Output<string>;
    declare readonly name: pulumi.Output<string>;

    constructor(token: string, name: string, args: object, opts?: pulumi.CustomResourceOptions) {
        super(token, name, { arn: undefined, name: undefined, ...args }, opts);
    }
}

export namespace iam {
    export class Role extends Resource {
        constructor(name: string, args: { assumeRolePolicy: Text }, opts?: pulumi.CustomResourceOptions) {
            super("aws:iam/role:Role", name, args, opts);
        }
    }
}

export namespace lambda {
    export interface FunctionArgs {
        imageUri?: Text;
        packageType?: Text;
        role: Text;
        timeout?: pulumi.Input<number>;
    }
    export class Function extends Resource {
        constructor(name: string, args: FunctionArgs, opts?: pulumi.CustomResourceOptions) {
            super("aws:lambda/function:Function", name, args, opts);
        }
    }
}

export namespace ecs {
    export class Cluster extends Resource {
        constructor(name: string, args: object = {}, opts?: pulumi.CustomResourceOptions) {
            super("aws:ecs/cluster:Cluster", name, args, opts);
        }
    }
    export interface TaskDefinitionArgs {
        containerDefinitions: Text;
        cpu?: Text;
        executionRoleArn?: Text;
        family: Text;
        memory?: Text;
        networkMode?: Text;
        requiresCompatibilities?: pulumi.Input<Text[]>;
    }
    export class TaskDefinition extends Resource {
        constructor(name: string, args: TaskDefinitionArgs, opts?: pulumi.CustomResourceOptions) {
            super("aws:ecs/taskDefinition:TaskDefinition", name, args, opts);
        }
    }
    export interface ServiceArgs {
        cluster?: Text;
        desiredCount?: pulumi.Input<number>;
        launchType?: Text;
        networkConfiguration?: pulumi.Input<{ assignPublicIp?: pulumi.Input<boolean>; subnets: pulumi.Input<Text[]> }>;
        taskDefinition?: Text;
    }
    export class Service extends Resource {
        constructor(name: string, args: ServiceArgs = {}, opts?: pulumi.CustomResourceOptions) {
            super("aws:ecs/service:Service", name, args, opts);
        }
    }
}
