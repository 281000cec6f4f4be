import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { canWrite } from "../../state/api.ts";
import { param } from "../../state/params.ts";
import { classColor, classKeys, classOfKey, isTyping } from "../studio/class-keys.ts";
import { ClassField, ClassName } from "../studio/class-name.tsx";
import { announcement, classes, edit, failure, imageAt, imageUrl, undo } from "../studio/store.ts";
import { shownName } from "./words.ts";

export interface WalkItem {
  /** Relative to the data folder, with `/`. */
  readonly path: string;
  /** The label that it had when it was looked for; undefined without one. */
  readonly label?: string;
  readonly suggested?: string;
  /** Beside the image. */
  readonly about: ComponentChildren;
}

interface WalkProps {
  readonly items: readonly WalkItem[];
  /** What they are called: `suspects`. */
  readonly name: string;
}

const atParam = param("image");
/** Images whose thumbnails are in the strip at once. */
const stripLength = 60;

/** Images one after the other: each is decided by a key or a button, and the next one is there. */
export function Walk({ items, name }: WalkProps) {
  const [other, setOther] = useState("");
  const found = items.findIndex(({ path }) => path === atParam.value);
  const first = items.findIndex((item) => !isHandled(item));
  const at = found >= 0 ? found : Math.max(0, first);
  const item = items[at];
  const handled = items.filter(isHandled).length;
  const go = (to: number) => {
    const next = items[Math.min(items.length - 1, Math.max(0, to))];
    if (next !== undefined) atParam.set(next.path, false);
  };
  const decided = useRef<string[]>([]);
  const advance = () => {
    const after = items.findIndex((one, i) => i > at && !isHandled(one));
    go(after < 0 ? at + 1 : after);
    setOther("");
  };
  const decide = (change: Parameters<typeof edit>[0], words: string) => {
    if (item !== undefined) decided.current.push(item.path);
    void edit(change, words);
    advance();
  };
  const actions = item && {
    label: (label: string) => {
      if (label === item.label)
        decide({ op: "confirm", images: [item.path] }, `${shownName(item.path)}: ${label} is right`);
      else decide({ op: "label", images: [item.path], label }, `${shownName(item.path)} is ${label}`);
    },
    confirm: () => item.label !== undefined && actions?.label(item.label),
    suggestion: () => item.suggested !== undefined && actions?.label(item.suggested),
    unreadable: () =>
      decide(
        { op: "exclude", images: [item.path], reason: "unreadable" },
        `${shownName(item.path)} is left out: unreadable`,
      ),
    skip: () => go(at + 1),
    back: () => go(at - 1),
    undo: () => {
      const back = decided.current.pop();
      if (back !== undefined) atParam.set(back, false);
      void undo();
    },
  };
  // Before the next key comes: an ordinary effect may still decide on the image before.
  useLayoutEffect(() => {
    if (actions === undefined || !canWrite.value) return undefined;
    const keys: Readonly<Record<string, () => unknown>> = {
      Enter: actions.suggestion,
      c: actions.confirm,
      u: actions.unreadable,
      s: actions.skip,
      ArrowRight: actions.skip,
      ArrowLeft: actions.back,
      z: actions.undo,
    };
    const press = (event: KeyboardEvent) => {
      if (isTyping(event) || event.altKey) return;
      // A button that has the focus is pressed by Enter, and by nothing else here.
      if (event.key === "Enter" && event.target instanceof HTMLButtonElement) return;
      const isUndo = event.key === "z";
      if ((event.ctrlKey || event.metaKey) && !isUndo) return;
      const known = keys[event.key];
      const label = known === undefined ? classOfKey(event) : undefined;
      if (known === undefined && label === undefined) return;
      event.preventDefault();
      if (known !== undefined) known();
      else if (label !== undefined) actions.label(label);
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  });
  if (item === undefined || actions === undefined) return null;
  const image = imageAt(item.path);
  return (
    <section class="card" aria-label={`Images: ${name}`}>
      <p class="note" role="status">
        {announcement.value || `${items.length - handled} of ${items.length} are left to look at.`}
      </p>
      {failure.value !== "" && (
        <p class="note warning" role="alert">
          {failure.value}
        </p>
      )}
      <div class="walk">
        <figure>
          <img key={item.path} class="walk-image" src={imageUrl(item.path, "previews")} alt={shownName(item.path)} />
          <figcaption>
            <bdi>{shownName(item.path)}</bdi> <small>{`${at + 1} of ${items.length}`}</small>
          </figcaption>
        </figure>
        <div class="walk-choices">
          <p>
            Label: <ClassName name={image === undefined ? item.label : image.label} />
            {image?.isConfirmed && <small> looked at: right</small>}
            {image?.excluded !== undefined && <small>{` left out: ${image.excluded}`}</small>}
          </p>
          {item.about}
          {canWrite.value && (
            <>
              {item.suggested !== undefined && (
                <button type="button" class="primary" onClick={actions.suggestion}>
                  {`It is ${item.suggested} `}
                  <kbd>Enter</kbd>
                </button>
              )}
              {item.label !== undefined && (
                <button type="button" onClick={actions.confirm}>
                  {`${item.label} is right `}
                  <kbd>C</kbd>
                </button>
              )}
              <fieldset class="class-choices">
                <legend>{item.label === undefined ? "Its class" : "Another class"}</legend>
                {classes.value.slice(0, 40).map(({ name: label }) => (
                  <button key={label} type="button" onClick={() => actions.label(label)}>
                    <span class="swatch" style={{ background: classColor(label) }} /> <bdi>{label}</bdi>{" "}
                    {classKeys.value.has(label) && <kbd>{classKeys.value.get(label)}</kbd>}
                  </button>
                ))}
                <form
                  class="actions"
                  onSubmit={(event) => {
                    event.preventDefault();
                    if (other.trim() !== "") actions.label(other.trim());
                  }}
                >
                  <ClassField label="New or by name" value={other} onInput={setOther} />
                  <button type="submit" disabled={other.trim() === ""}>
                    Set
                  </button>
                </form>
              </fieldset>
              <p class="actions">
                <button type="button" onClick={actions.unreadable}>
                  Unreadable <kbd>U</kbd>
                </button>
                <button type="button" onClick={actions.skip} disabled={at === items.length - 1}>
                  Skip <kbd>S</kbd>
                </button>
                <button type="button" onClick={actions.undo}>
                  Undo <kbd>Z</kbd>
                </button>
              </p>
            </>
          )}
        </div>
      </div>
      <Strip items={items} at={at} onGo={go} />
    </section>
  );
}

/** Whether somebody has decided about an image. */
function isHandled({ path, label }: WalkItem): boolean {
  const image = imageAt(path);
  if (image === undefined) return false;
  return image.isConfirmed === true || image.excluded !== undefined || image.label !== label;
}

interface StripProps {
  readonly items: readonly WalkItem[];
  readonly at: number;
  readonly onGo: (to: number) => void;
}

function Strip({ items, at, onGo }: StripProps) {
  const start = Math.max(0, Math.min(at - 5, items.length - stripLength));
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: without it, the keys could not scroll
    <ol class="walk-strip" aria-label="All of them, in order" tabIndex={0}>
      {items.slice(start, start + stripLength).map((item, i) => (
        <li key={item.path} class={isHandled(item) ? "handled" : ""}>
          <button
            type="button"
            aria-current={start + i === at}
            aria-label={`${shownName(item.path)}${isHandled(item) ? ", decided" : ""}`}
            onClick={() => onGo(start + i)}
          >
            <img src={imageUrl(item.path, "thumbnails")} alt="" loading="lazy" />
          </button>
        </li>
      ))}
    </ol>
  );
}
