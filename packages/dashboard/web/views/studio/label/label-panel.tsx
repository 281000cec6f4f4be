import { useEffect, useRef, useState } from "preact/hooks";
import type { StudioImage } from "../../../../src/studio-types.ts";
import { classKeys, classOfKey, isTyping } from "../class-keys.ts";
import { ClassField, ClassName } from "../class-name.tsx";
import { describe, Thumbnail } from "../grid/tile.tsx";
import { classes, edit, imageAt, images, imageUrl, isLoaded, nameOf } from "../store.ts";
import { CheatSheet } from "./cheat-sheet.tsx";
import {
  apply,
  current,
  fits,
  moveTo,
  place,
  queue,
  queueParam,
  restart,
  skip,
  span,
  stepBack,
  widen,
} from "./label-queue.ts";

/** Neighbors before and after. */
const neighbors = 4;
/** Images that are loaded before they are seen. */
const ahead = 4;

/** One image after the other, labeled by keys. */
export function LabelPanel() {
  const [isHelping, setHelping] = useState(false);
  const panel = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (isLoaded.value) restart();
  }, [queueParam.value, isLoaded.value]);
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      if (isTyping(event) || event.altKey) return;
      const isUndo = event.key === "z";
      if ((event.ctrlKey || event.metaKey) && !isUndo) return;
      const label = classOfKey(event);
      const actions: Readonly<Record<string, () => void>> = {
        ArrowRight: () => (event.shiftKey ? widen(1) : moveTo(place.value + 1)),
        ArrowLeft: () => (event.shiftKey ? widen(-1) : moveTo(place.value - 1)),
        Home: () => moveTo(0),
        End: () => moveTo(queue.value.length - 1),
        u: () => apply("unreadable"),
        s: skip,
        c: () => apply("confirm"),
        z: () => void stepBack(),
        Delete: () => apply({ label: null }),
        "?": () => setHelping(true),
      };
      const action = label === undefined ? actions[event.key] : () => apply({ label });
      if (action === undefined) return;
      event.preventDefault();
      // A key that is held labels one image, and not all that follow.
      if (event.repeat && !event.key.startsWith("Arrow")) return;
      // From the tabs or the list, whose own keys the arrows would be otherwise.
      if (event.target instanceof Element && event.target.closest("select, [role=tablist]") !== null)
        panel.current?.focus({ preventScroll: true });
      action();
    };
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  }, []);
  const shown = current.value;
  const total = queue.value.length;
  return (
    <div ref={panel} class="label-panel" tabIndex={-1}>
      <div class="toolbar">
        <QueueSelect />
        <span class="count">
          {total === 0
            ? "no images"
            : `${Math.min(place.value + 1, total).toLocaleString("en")} of ${total.toLocaleString("en")}`}
        </span>
        <button type="button" onClick={() => setHelping(true)}>
          Keys (?)
        </button>
      </div>
      {shown.length === 0 ? <AtTheEnd total={total} /> : <Stage shown={shown} />}
      {isHelping && <CheatSheet onClose={() => setHelping(false)} />}
    </div>
  );
}

function QueueSelect() {
  const count = (which: string) => images.value.filter((image) => fits(image, which)).length;
  return (
    <label>
      Look at{" "}
      <select value={queueParam.value} onChange={(event) => queueParam.set(event.currentTarget.value)}>
        <option value="none">{`images without a label (${count("none")})`}</option>
        <option value="all">{`all images (${count("all")})`}</option>
        {classes.value.map(({ name, count: own }) => (
          <option key={name} value={`label:${name}`}>{`${name} (${own})`}</option>
        ))}
      </select>
    </label>
  );
}

function AtTheEnd({ total }: { readonly total: number }) {
  const left = images.value.filter((image) => fits(image, "none")).length;
  return (
    <div class="note">
      <p>
        {total > 0 && place.value >= total ? "You have seen all of them. " : ""}
        {left === 0 ? "Every image has a label, or is left out." : `${left} images have no label yet.`}
      </p>
      <div class="toolbar">
        <button type="button" onClick={restart}>
          Begin again
        </button>
        <button type="button" onClick={() => void stepBack()}>
          Undo (z)
        </button>
      </div>
    </div>
  );
}

function Stage({ shown }: { readonly shown: readonly StudioImage[] }) {
  const [first] = shown as [StudioImage, ...StudioImage[]];
  const at = place.value;
  const loaded = queue.value.slice(at, at + span.value + ahead);
  const strip = queue.value.slice(Math.max(0, at - neighbors), at + span.value + neighbors);
  return (
    <div class="stage">
      <figure class="stage-image">
        {loaded.map((path, i) => (
          // The next ones are there, decoded, before they are asked for.
          <LargeImage key={path} path={path} isShown={i === 0} />
        ))}
        <figcaption>
          <bdi>{shown.length > 1 ? `${nameOf(first)} and ${shown.length - 1} more` : nameOf(first)}</bdi>
          {" · "}
          <ClassName name={first.label} />
          {first.isConfirmed && " (confirmed)"}
        </figcaption>
      </figure>
      <ClassButtons shown={shown} />
      <ol class="strip" aria-label="Neighbors">
        {strip.map((path) => {
          const image = imageAt(path);
          const index = queue.value.indexOf(path);
          const isChosen = index >= at && index < at + span.value;
          return (
            image !== undefined && (
              <li key={path}>
                <button
                  type="button"
                  class={isChosen ? "chosen" : ""}
                  aria-current={isChosen ? "true" : undefined}
                  aria-label={describe(image)}
                  onClick={() => moveTo(index)}
                >
                  <Thumbnail image={image} />
                  <ClassName name={image.label} />
                </button>
              </li>
            )
          );
        })}
      </ol>
    </div>
  );
}

function LargeImage({ path, isShown }: { readonly path: string; readonly isShown: boolean }) {
  const [isBroken, setBroken] = useState(false);
  const image = imageAt(path);
  if (isBroken) return isShown ? <p class="broken">This image cannot be read. The key u leaves it out.</p> : null;
  return (
    <img
      class={isShown ? "" : "ahead"}
      aria-hidden={!isShown}
      alt={image === undefined ? path : nameOf(image)}
      src={imageUrl(path, "previews")}
      onError={() => setBroken(true)}
    />
  );
}

function ClassButtons({ shown }: { readonly shown: readonly StudioImage[] }) {
  const [name, setName] = useState("");
  const add = async (event: Event) => {
    event.preventDefault();
    const label = name.trim();
    if (label === "") return;
    const isThere = classes.value.some((one) => one.name === label);
    if (!isThere && !(await edit({ op: "add_class", name: label }))) return;
    setName("");
    if (isThere) apply({ label });
  };
  return (
    <div class="class-buttons">
      <h2>{shown.length > 1 ? `Class of ${shown.length} images` : "Class"}</h2>
      <ul>
        {classes.value.map(({ name: label, count }) => (
          <li key={label}>
            <button
              type="button"
              aria-pressed={shown.every((image) => image.label === label)}
              onClick={() => apply({ label })}
            >
              <kbd>{classKeys.value.get(label) ?? ""}</kbd>
              <ClassName name={label} />
              <span class="count">{count}</span>
            </button>
          </li>
        ))}
      </ul>
      {classes.value.length === 0 && <p class="note">There are no classes yet: add the first one.</p>}
      <form class="inline" onSubmit={(event) => void add(event)}>
        <ClassField label="Class" value={name} onInput={setName} placeholder="find it, or a new one" />
        <button type="submit" disabled={name.trim() === ""}>
          {classes.value.some((one) => one.name === name.trim()) ? "Label" : "Add class"}
        </button>
      </form>
      <div class="toolbar">
        <button type="button" onClick={skip}>
          Skip (s)
        </button>
        <button type="button" onClick={() => apply("unreadable")}>
          Unreadable (u)
        </button>
        <button
          type="button"
          disabled={shown.some(({ label }) => label === undefined)}
          onClick={() => apply("confirm")}
        >
          Label is right (c)
        </button>
        <button type="button" onClick={() => void stepBack()}>
          Undo (z)
        </button>
      </div>
    </div>
  );
}
