import { useState } from "preact/hooks";
import type { StudioImage } from "../../../../src/studio-types.ts";
import { ClassName } from "../class-name.tsx";
import { imageUrl, nameOf } from "../store.ts";

interface TileProps {
  readonly image: StudioImage;
  readonly at: number;
  readonly count: number;
  readonly left: number;
  readonly top: number;
  /** With the space around it. */
  readonly width: number;
  readonly isSelected: boolean;
  readonly isActive: boolean;
  readonly onFocus: () => void;
  readonly onKeyDown: (event: KeyboardEvent) => void;
  readonly onClick: (event: MouseEvent) => void;
  readonly onOpen: () => void;
}

/** Pixels, as in the style sheet: on both sides of a tile together. */
const margin = 8;

/** One image of the grid. */
export function Tile(props: TileProps) {
  const { image, at, count, left, top, width, isSelected, isActive } = props;
  return (
    <div
      role="option"
      class={`tile ${image.excluded === undefined ? "" : "left-out"}`}
      aria-selected={isSelected}
      aria-posinset={at + 1}
      aria-setsize={count}
      tabIndex={isActive ? 0 : -1}
      style={{ left: `${left}px`, top: `${top}px`, width: `${width - margin}px` }}
      onFocus={props.onFocus}
      onKeyDown={props.onKeyDown}
      onClick={props.onClick}
      onDblClick={props.onOpen}
    >
      <Thumbnail image={image} />
      <span class="tile-label">
        {image.excluded === undefined ? <ClassName name={image.label} /> : `left out: ${image.excluded}`}
      </span>
      <span class="tile-name" title={nameOf(image)}>
        <bdi>{nameOf(image).split("/").at(-1)}</bdi>
        {image.isConfirmed && <span title="The label was confirmed">✓</span>}
        {image.split !== undefined && <span class="tile-split">{splitTitles[image.split]}</span>}
      </span>
    </div>
  );
}

export const splitTitles = { train: "train", val: "valid", test: "test" } as const;

/** A small image; one that cannot be decoded says so. */
export function Thumbnail({ image }: { readonly image: StudioImage }) {
  const [broken, setBroken] = useState("");
  const address = imageUrl(image.path, "thumbnails");
  return (
    <span class="thumbnail">
      {broken === address ? (
        <span class="broken">cannot be read</span>
      ) : (
        <img alt="" draggable={false} decoding="async" src={address} onError={() => setBroken(address)} />
      )}
    </span>
  );
}

/** What a screen reader says of an image. */
export function describe(image: StudioImage): string {
  return [
    nameOf(image),
    image.excluded === undefined ? (image.label ?? "no label") : `left out, ${image.excluded}`,
    ...(image.split === undefined ? [] : [splitTitles[image.split]]),
    ...(image.isConfirmed ? ["label confirmed"] : []),
  ].join(", ");
}
