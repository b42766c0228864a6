// A user's program and what drives it: an image with a grant, an edit, and what two previews say.
import { appendFileSync } from "fs";

import * as assets from "@image-assets/pulumi";
import * as pulumi from "@pulumi/pulumi";
import { LocalWorkspace, PulumiFn } from "@pulumi/pulumi/automation";

const program: PulumiFn = async () => {
    const app = new assets.DockerImageAsset("app", {
        directory: "app",
        ignoreMode: assets.IgnoreMode.Git,
        platform: assets.Platform.LinuxAmd64,
        buildArgs: { VERSION: pulumi.output("1.4") },
        forceDelete: true,
    });
    const grant = app.grantPull({ name: "lambda", service: "lambda.amazonaws.com" });
    const found = assets.getImageOutput({ reference: app.imageDigestUri });
    return { imageUri: app.imageUri, granted: grant.imageUri, platforms: found.platforms };
};

async function main(): Promise<void> {
    const stack = await LocalWorkspace.createOrSelectStack({ projectName: process.argv[2], stackName: "dev", program });
    const seen: string[] = [];
    const preview = await stack.preview({ onOutput: (text: string) => seen.push(text), diff: true });
    const made = await stack.up();
    appendFileSync("app/a.txt", "more\n");
    await stack.preview({ onOutput: (text: string) => seen.push(text), diff: true });
    const changed = await stack.up();
    const after = await stack.preview({ expectNoChanges: true });
    await stack.destroy();
    const values = (from: typeof made) => Object.fromEntries(Object.entries(from.outputs).map(([k, v]) => [k, v.value]));
    const told = { previews: seen.join(""), first: values(made), second: values(changed), creates: preview.changeSummary };
    process.stdout.write(JSON.stringify({ ...told, after: after.changeSummary }));
}

main().catch((error: unknown) => {
    process.stderr.write(String(error));
    process.exit(1);
});
