import { expect, test } from "vitest";
import { decodeImage } from "../src/codecs/decode.ts";
import { checkHostile } from "./check-hostile.ts";

test("hostile and unusual files have the documented outcome each", async () => {
  const count = 180;
  const { problems, decoded, refused } = await checkHostile(count);
  expect(problems).toEqual([]);
  expect(decoded + refused).toBe(count);
  expect(Math.min(decoded, refused)).toBeGreaterThan(count / 4);
});

test("errors of decoding name the file and say what to do", async () => {
  const decode = decodeImage(Buffer.from("no image"), { name: "train/7/bad.jpg" });
  await expect(decode).rejects.toThrow(
    /^train\/7\/bad\.jpg cannot be decoded: it is not an image of a known format\n {2}fix: replace or remove the file/,
  );
  await expect(decodeImage(new Uint8Array(0), { name: "x" })).rejects.toThrow("x cannot be decoded: the file is empty");
});
