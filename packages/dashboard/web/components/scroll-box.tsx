import type { ComponentChildren } from "preact";

interface ScrollBoxProps {
  readonly label: string;
  readonly class?: string;
  readonly children: ComponentChildren;
}

/** A box that scrolls: it has a name, and the keys reach it. */
export function ScrollBox({ label, class: className = "", children }: ScrollBoxProps) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: without it, the keys could not scroll
    <section class={`scroll-box ${className}`} aria-label={label} tabIndex={0}>
      {children}
    </section>
  );
}
