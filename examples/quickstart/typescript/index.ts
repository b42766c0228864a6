// An image that shows a page, published under a tag that names its content.
import * as assets from "@image-assets/pulumi";
import * as pulumi from "@pulumi/pulumi";

const config = new pulumi.Config();
const site = new assets.DockerImageAsset("site", {
    directory: "../site",
    repository: config.get("repository") || "localhost:5000/quickstart",
    buildArgs: { BASE: config.get("base") || "docker.io/library/busybox:stable", GREETING: "Good day" },
});

export const imageUri = site.imageUri;
export const imageDigest = site.imageDigest;
