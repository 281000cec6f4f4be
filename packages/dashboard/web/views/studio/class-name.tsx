import { useId } from "preact/hooks";
import { classColor } from "./class-keys.ts";
import { classes } from "./store.ts";

/** A class as it is shown everywhere: its color and its name, as text. */
export function ClassName({ name }: { readonly name: string | undefined }) {
  if (name === undefined) return <span class="class-name none">no label</span>;
  return (
    <span class="class-name">
      <span class="swatch" style={{ background: classColor(name) }} />
      <bdi>{name}</bdi>
    </span>
  );
}

interface ClassFieldProps {
  readonly label: string;
  readonly value: string;
  readonly onInput: (name: string) => void;
  readonly placeholder?: string;
}

/** A field for the name of a class, one that there is or a new one. */
export function ClassField({ label, value, onInput, placeholder = "" }: ClassFieldProps) {
  const id = useId();
  return (
    <label class="class-field">
      <span>{label}</span>
      <input
        type="text"
        list={id}
        autocomplete="off"
        spellcheck={false}
        placeholder={placeholder}
        value={value}
        onInput={(event) => onInput(event.currentTarget.value)}
      />
      <datalist id={id}>
        {classes.value.map(({ name }) => (
          <option key={name} value={name} />
        ))}
      </datalist>
    </label>
  );
}
