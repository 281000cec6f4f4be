import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { serialization, type Tensor } from "@classifier-training/torch";
import { afterAll, expect, test } from "vitest";
import { createClassificationModel } from "./build.ts";
import { classificationModelOptionsSchema } from "./options.ts";
import { buildBackbone } from "./recipe.ts";

const dir = mkdtempSync(join(tmpdir(), "pretrained-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const options = { numClasses: 3, stem: "small", width: 8 } as const;

test("pretrained names a file of any training script: the body is loaded, a head for other classes is new", async () => {
  const other = buildBackbone("resnet18", classificationModelOptionsSchema.parse({ ...options, numClasses: 5 }), 5);
  const saved = [...other.stateDict()].map(([key, value]) => [`model.net.${key}`, value] as [string, Tensor]);
  const pretrained = join(dir, "weights.safetensors");
  serialization.saveSafetensors(
    pretrained,
    new Map([...saved, ["criterion.weight", other.stateDict().get("fc.bias") as Tensor]]),
  );
  const model = await createClassificationModel("resnet18", { ...options, pretrained });
  const body = [...model.stateDict()].filter(([key]) => key.endsWith("layer3.0.conv1.weight"));
  expect(body).toHaveLength(1);
  expect(body[0]?.[1].equal(other.stateDict().get("layer3.0.conv1.weight") as Tensor)).toBe(true);
});

test("a file that is not weights, or not there, is a sentence", async () => {
  const pretrained = join(dir, "page.pth");
  writeFileSync(pretrained, "<html>log in</html>");
  await expect(createClassificationModel("resnet18", { ...options, pretrained })).rejects.toThrow(
    "is a web page, not weights",
  );
  await expect(
    createClassificationModel("resnet18", { ...options, pretrained: join(dir, "gone.pth") }),
  ).rejects.toThrow("gone.pth");
});
