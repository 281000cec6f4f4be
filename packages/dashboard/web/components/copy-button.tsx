import { useState } from "preact/hooks";

/** Copies a text. @param of what it is, for screen readers */
export function CopyButton({ text, of }: { readonly text: string; readonly of: string }) {
  const [said, setSaid] = useState("");
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setSaid("copied");
    } catch {
      setSaid("this browser does not copy here: select the text");
    }
    setTimeout(() => setSaid(""), 3000);
  };
  return (
    <span class="copy">
      <button type="button" onClick={copy} aria-label={`Copy ${of}`}>
        Copy
      </button>
      <span role="status">{said}</span>
    </span>
  );
}
