import type { ComponentChildren } from "preact";
import { useRef } from "preact/hooks";

interface Tab<Id extends string> {
  readonly id: Id;
  readonly title: string;
}

interface TabsProps<Id extends string> {
  readonly label: string;
  readonly tabs: readonly Tab<Id>[];
  readonly open: Id;
  readonly onOpen: (id: Id) => void;
  /** Unique on the page. */
  readonly name: string;
  readonly class?: string;
}

/** A row of tabs (ARIA pattern "tabs", opened by the arrow keys). Its panel is a `TabPanel` of the same name. */
export function Tabs<Id extends string>({ label, tabs, open, onOpen, name, class: className = "" }: TabsProps<Id>) {
  const list = useRef<HTMLDivElement>(null);
  const move = (event: KeyboardEvent) => {
    const at = tabs.findIndex(({ id }) => id === open);
    const places: Readonly<Record<string, number>> = {
      ArrowLeft: (at + tabs.length - 1) % tabs.length,
      ArrowRight: (at + 1) % tabs.length,
      Home: 0,
      End: tabs.length - 1,
    };
    const next = places[event.key];
    if (next === undefined) return;
    event.preventDefault();
    onOpen((tabs[next] as Tab<Id>).id);
    list.current?.querySelectorAll<HTMLElement>("[role=tab]")[next]?.focus();
  };
  return (
    <div ref={list} class={`tabs ${className}`} role="tablist" aria-label={label} onKeyDown={move}>
      {tabs.map(({ id, title }) => (
        <button
          key={id}
          type="button"
          role="tab"
          id={`${name}-tab-${id}`}
          aria-selected={id === open}
          aria-controls={`${name}-panel`}
          tabIndex={id === open ? 0 : -1}
          onClick={() => onOpen(id)}
        >
          {title}
        </button>
      ))}
    </div>
  );
}

interface TabPanelProps {
  readonly name: string;
  readonly open: string;
  readonly class?: string;
  readonly children: ComponentChildren;
}

export function TabPanel({ name, open, class: className = "", children }: TabPanelProps) {
  return (
    <div class={className} role="tabpanel" id={`${name}-panel`} aria-labelledby={`${name}-tab-${open}`}>
      {children}
    </div>
  );
}
