import { useEffect, useId, useRef, useState } from "preact/hooks";

export interface Option {
  readonly id: string;
  readonly title: string;
  /** Beside the title, in gray. */
  readonly about?: string;
}

interface ComboboxProps {
  readonly label: string;
  readonly options: readonly Option[];
  /** The option that is chosen; empty for none. */
  readonly value: string;
  readonly onChoose: (id: string) => void;
  readonly placeholder?: string;
  /** Only for screen readers. */
  readonly isLabelHidden?: boolean;
}

/** More are found by typing. */
const maxShown = 100;

/** A field with suggestions (ARIA pattern "combobox with list autocomplete"). */
export function Combobox({ label, options, value, onChoose, placeholder = "", isLabelHidden = false }: ComboboxProps) {
  const id = useId();
  const [typed, setTyped] = useState<string | undefined>(undefined);
  const [active, setActive] = useState(0);
  const list = useRef<HTMLDivElement>(null);
  const words = (typed ?? "").toLowerCase().split(/\s+/).filter(Boolean);
  const fitting = options.filter(({ title, about = "" }) =>
    words.every((word) => `${title} ${about}`.toLowerCase().includes(word)),
  );
  const shown = fitting.slice(0, maxShown);
  const isOpen = typed !== undefined;
  const close = () => setTyped(undefined);
  const choose = (option: Option | undefined) => {
    close();
    if (option !== undefined) onChoose(option.id);
  };
  useEffect(() => {
    list.current?.querySelector(".active")?.scrollIntoView({ block: "nearest" });
  }, [active, isOpen]);
  const open = (text: string) => {
    setTyped(text);
    setActive(
      text === ""
        ? Math.max(
            0,
            options.findIndex((option) => option.id === value),
          )
        : 0,
    );
  };
  const onKey = (event: KeyboardEvent) => {
    if (event.key === "Escape" && isOpen) {
      event.preventDefault();
      event.stopPropagation();
      return close();
    }
    if (event.key === "Enter" && isOpen) {
      event.preventDefault();
      return choose(shown[active]);
    }
    const moves: Readonly<Record<string, number>> = { ArrowDown: 1, ArrowUp: -1 };
    const by = moves[event.key];
    if (by === undefined) return;
    event.preventDefault();
    if (!isOpen) open("");
    else setActive((active + by + shown.length) % Math.max(1, shown.length));
  };
  return (
    <div class="combobox">
      <label for={id} class={isLabelHidden ? "hidden-label" : ""}>
        {label}
      </label>
      <input
        id={id}
        type="text"
        role="combobox"
        autocomplete="off"
        spellcheck={false}
        aria-autocomplete="list"
        aria-expanded={isOpen}
        aria-controls={`${id}-list`}
        aria-activedescendant={isOpen && shown.length > 0 ? `${id}-${active}` : undefined}
        placeholder={placeholder}
        value={typed ?? options.find((option) => option.id === value)?.title ?? ""}
        onFocus={(event) => event.currentTarget.select()}
        onClick={() => isOpen || open("")}
        onInput={(event) => open(event.currentTarget.value)}
        onKeyDown={onKey}
        onBlur={close}
      />
      <div ref={list} id={`${id}-list`} role="listbox" aria-label={label} hidden={!isOpen}>
        {isOpen &&
          shown.map((option, i) => (
            <div
              key={option.id}
              id={`${id}-${i}`}
              role="option"
              aria-selected={option.id === value}
              class={i === active ? "active" : ""}
              // Before the field loses the focus, and with it the list.
              onMouseDown={(event) => event.preventDefault()}
              onClick={() => choose(option)}
            >
              {option.title}
              {option.about && <small>{option.about}</small>}
            </div>
          ))}
        {isOpen && fitting.length === 0 && (
          <div class="nothing" role="option" aria-selected="false" aria-disabled="true">
            nothing fits
          </div>
        )}
        {fitting.length > maxShown && (
          <div class="nothing" role="option" aria-selected="false" aria-disabled="true">
            {`${fitting.length - maxShown} more: type to find them`}
          </div>
        )}
      </div>
    </div>
  );
}
