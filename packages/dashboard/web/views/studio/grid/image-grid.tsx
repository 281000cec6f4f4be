import { useEffect, useRef, useState } from "preact/hooks";
import type { StudioImage } from "../../../../src/studio-types.ts";
import { selected } from "./filters.ts";
import { Tile } from "./tile.tsx";

/** Pixels, as in the style sheet: of a tile with the space around it; they grow wider to fill a row. */
const tile = { width: 156, height: 186 };
/** Rows outside of the view that are there already when it is scrolled. */
const spareRows = 2;

interface ImageGridProps {
  readonly images: readonly StudioImage[];
  readonly onOpen: (path: string) => void;
  /** A key that the grid itself does not know. */
  readonly onKey: (event: KeyboardEvent) => void;
}

/**
 * Images (ARIA pattern "listbox", several can be selected): only those that are seen exist, so that 50,000 scroll as ten do.
 * The arrow keys move, with Shift they select; Space, Ctrl-A, Home, End, Page up and down as everywhere.
 */
export function ImageGrid({ images, onOpen, onKey }: ImageGridProps) {
  const box = useRef<HTMLDivElement>(null);
  const [{ width, height }, setSize] = useState({ width: 800, height: 600 });
  const [scroll, setScroll] = useState(0);
  // The image that the keys move from stays when others come or leave.
  const [active, setActive] = useState("");
  const anchor = useRef(0);
  const activeAt = Math.max(
    0,
    images.findIndex(({ path }) => path === active),
  );
  useEffect(() => {
    const element = box.current as HTMLDivElement;
    const observer = new ResizeObserver(() => setSize({ width: element.clientWidth, height: element.clientHeight }));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  const columns = Math.max(1, Math.floor(width / tile.width));
  const tileWidth = Math.floor(width / columns);
  const rows = Math.ceil(images.length / columns);
  const first = Math.max(0, Math.floor(scroll / tile.height) - spareRows) * columns;
  const last = Math.min(images.length, (Math.ceil((scroll + height) / tile.height) + spareRows) * columns);
  const shown = images.slice(first, last).map((image, i) => ({ image, at: first + i }));
  const focused = images[activeAt];
  // Scrolled away with the focus in it: it has to stay in the document.
  if (focused !== undefined && active !== "" && (activeAt < first || activeAt >= last))
    shown.push({ image: focused, at: activeAt });

  const focusOn = (at: number) => {
    const element = box.current;
    const image = images[at];
    if (element === null || image === undefined) return;
    const top = Math.floor(at / columns) * tile.height;
    if (top < element.scrollTop) element.scrollTop = top;
    else if (top > element.scrollTop + element.clientHeight - tile.height)
      element.scrollTop = top - element.clientHeight + tile.height;
    setActive(image.path);
    // The tile may have to be made first.
    requestAnimationFrame(() =>
      element.querySelector<HTMLElement>(`[aria-posinset="${at + 1}"]`)?.focus({ preventScroll: true }),
    );
  };
  const selectRange = (to: number) => {
    const [low, high] = [Math.min(anchor.current, to), Math.max(anchor.current, to)];
    selected.value = new Set(images.slice(low, high + 1).map(({ path }) => path));
  };
  const toggle = (at: number) => {
    const next = new Set(selected.value);
    const { path } = images[at] as StudioImage;
    if (!next.delete(path)) next.add(path);
    anchor.current = at;
    selected.value = next;
  };
  const press = (event: KeyboardEvent) => {
    const page = Math.max(1, Math.floor(height / tile.height)) * columns;
    const moves: Readonly<Record<string, number>> = {
      ArrowRight: activeAt + 1,
      ArrowLeft: activeAt - 1,
      ArrowDown: activeAt + columns,
      ArrowUp: activeAt - columns,
      PageDown: activeAt + page,
      PageUp: activeAt - page,
      Home: 0,
      End: images.length - 1,
    };
    const to = moves[event.key];
    if (to !== undefined) {
      const next = Math.min(images.length - 1, Math.max(0, to));
      if (event.shiftKey) {
        if (selected.value.size === 0) anchor.current = activeAt;
        selectRange(next);
      } else anchor.current = next;
      focusOn(next);
    } else if (event.key === " ") toggle(activeAt);
    else if (event.key === "Enter") onOpen((focused as StudioImage).path);
    else if (event.key === "Escape") selected.value = new Set();
    else if (event.key === "a" && (event.ctrlKey || event.metaKey))
      selected.value = new Set(images.map(({ path }) => path));
    else return onKey(event);
    event.preventDefault();
    event.stopPropagation();
  };
  const click = (event: MouseEvent, at: number) => {
    if (event.shiftKey) selectRange(at);
    else if (event.ctrlKey || event.metaKey) toggle(at);
    else {
      anchor.current = at;
      selected.value = new Set([(images[at] as StudioImage).path]);
    }
    setActive((images[at] as StudioImage).path);
  };
  return (
    <div
      ref={box}
      class="image-grid"
      role="listbox"
      aria-label="Images"
      aria-multiselectable="true"
      onScroll={(event) => setScroll(event.currentTarget.scrollTop)}
    >
      <div role="presentation" class="grid-space" style={{ height: `${rows * tile.height}px` }}>
        {shown.map(({ image, at }) => (
          <Tile
            key={image.path}
            image={image}
            at={at}
            count={images.length}
            left={(at % columns) * tileWidth}
            width={tileWidth}
            top={Math.floor(at / columns) * tile.height}
            isSelected={selected.value.has(image.path)}
            isActive={at === activeAt}
            onFocus={() => setActive(image.path)}
            onKeyDown={press}
            onClick={(event) => click(event, at)}
            onOpen={() => onOpen(image.path)}
          />
        ))}
      </div>
    </div>
  );
}
