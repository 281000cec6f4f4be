import { expect, test } from "vitest";
import { configValues } from "./config-values.ts";

test("each value of a composed configuration by its dotted key, and lists by index", () => {
  const text = `seed: 42
model:
  _target_: models.ResNet
  width: 64
  note: 'it''s: fine'
  optimizer: {lr: 0.1}
transforms:
  train:
    _target_: Compose
    transforms:
    - _target_: Affine
      translate:
      - 0.1
      - 0.2
      scale: null
    - _target_: Jitter
      hue: 0.1
  size: \${data.size}
'odd key': x
# a comment

tags: []
`;
  expect({ ...configValues(text) }).toEqual({
    seed: "42",
    "model._target_": "models.ResNet",
    "model.width": "64",
    "model.note": "it's: fine",
    "model.optimizer": "{lr: 0.1}",
    "transforms.train._target_": "Compose",
    "transforms.train.transforms.0._target_": "Affine",
    "transforms.train.transforms.0.translate.0": "0.1",
    "transforms.train.transforms.0.translate.1": "0.2",
    "transforms.train.transforms.0.scale": "null",
    "transforms.train.transforms.1._target_": "Jitter",
    "transforms.train.transforms.1.hue": "0.1",
    // biome-ignore lint/suspicious/noTemplateCurlyInString: an interpolation of the configuration
    "transforms.size": "${data.size}",
    "odd key": "x",
    tags: "[]",
  });
});
