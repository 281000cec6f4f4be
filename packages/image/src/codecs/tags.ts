import type { Orientation } from "../functional/orientation.ts";

const orientationTag = 0x0112;
const photometricTag = 0x0106;
const separated = 5;

/** The orientation that EXIF tells of a JPEG, PNG, WebP or TIFF file; 1 where there is none that makes sense. */
export function exifOrientation(bytes: Uint8Array): Orientation {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    const at = exifStart(view, bytes);
    const value = at === undefined ? 1 : (readTag(view, at, orientationTag) ?? 1);
    return value >= 1 && value <= 8 ? (value as Orientation) : 1;
  } catch (error) {
    // An offset that points out of the file: such metadata say nothing.
    if (error instanceof RangeError) return 1;
    throw error;
  }
}

export function isTiff(bytes: Uint8Array): boolean {
  const text = String.fromCharCode(...bytes.subarray(0, 4));
  return text === "II*\0" || text === "MM\0*";
}

/** Whether a JPEG or TIFF file holds the four inks, and whether it holds what they leave white instead, as Adobe does. */
export function cmykOf(bytes: Uint8Array): { inverted: boolean } | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    if (isTiff(bytes)) return readTag(view, 0, photometricTag) === separated ? { inverted: false } : undefined;
    if (view.byteLength < 4 || view.getUint16(0) !== 0xffd8) return undefined;
    let components = 0;
    let adobe = false;
    for (const { marker, at } of jpegSegments(view)) {
      const isFrame = marker >= 0xffc0 && marker <= 0xffcf && ![0xffc4, 0xffc8, 0xffcc].includes(marker);
      if (isFrame) components = view.getUint8(at + 9);
      if (marker === 0xffee && view.getUint32(at + 4) === 0x41646f62) adobe = true;
    }
    // Pillow takes every one for inverted; the decoder turns those with Adobe's marker itself.
    return components === 4 ? { inverted: !adobe } : undefined;
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** Where the TIFF structure starts that holds the tags. */
function exifStart(view: DataView, bytes: Uint8Array): number | undefined {
  if (isTiff(bytes)) return 0;
  if (view.byteLength < 12) return undefined;
  if (view.getUint16(0) === 0xffd8) return inJpeg(view);
  if (view.getUint32(0) === 0x89504e47) return inPng(view);
  if (view.getUint32(0) === 0x52494646 && view.getUint32(8) === 0x57454250) return inWebp(view);
  return undefined;
}

function inJpeg(view: DataView): number | undefined {
  for (const { marker, at } of jpegSegments(view)) {
    if (marker === 0xffe1 && view.getUint32(at + 4) === 0x45786966) return at + 10;
  }
  return undefined;
}

/** The segments in front of the pixels. */
function* jpegSegments(view: DataView): Generator<{ marker: number; at: number }> {
  for (let at = 2; at + 4 <= view.byteLength; ) {
    const marker = view.getUint16(at);
    if (marker === 0xffff) {
      at++;
      continue;
    }
    if (marker === 0xffda || marker < 0xff01) return;
    yield { marker, at };
    at += 2 + view.getUint16(at + 2);
  }
}

function inPng(view: DataView): number | undefined {
  for (let at = 8; at + 12 <= view.byteLength; at += 12 + view.getUint32(at)) {
    if (view.getUint32(at + 4) === 0x65584966) return at + 8;
  }
  return undefined;
}

function inWebp(view: DataView): number | undefined {
  for (let at = 12; at + 8 <= view.byteLength; ) {
    const length = view.getUint32(at + 4, true);
    if (view.getUint32(at) === 0x45584946) return view.getUint32(at + 8) === 0x45786966 ? at + 14 : at + 8;
    at += 8 + length + (length & 1);
  }
  return undefined;
}

function readTag(view: DataView, start: number, tag: number): number | undefined {
  const little = view.getUint16(start) === 0x4949;
  const directory = start + view.getUint32(start + 4, little);
  const count = view.getUint16(directory, little);
  for (let i = 0; i < count; i++) {
    const entry = directory + 2 + 12 * i;
    if (view.getUint16(entry, little) !== tag) continue;
    const type = view.getUint16(entry + 2, little);
    return type === 4 ? view.getUint32(entry + 8, little) : view.getUint16(entry + 8, little);
  }
  return undefined;
}
