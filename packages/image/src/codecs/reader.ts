/** What a reader of an image format gives: rows of RGB bytes. */
export interface RgbPixels {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/** Refuses an image of too many pixels. @throws ImageError `image/decode` */
export type SizeCheck = (width: number, height: number) => void;

/** Why a file cannot be decoded; the caller adds the name of the file. */
export function readerError(why: string): RangeError {
  return new RangeError(why);
}
