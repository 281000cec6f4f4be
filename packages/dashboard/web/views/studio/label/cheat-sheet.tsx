import { Dialog } from "../../../components/dialog.tsx";

const keys: readonly (readonly [key: string, what: string])[] = [
  ["1 to 9, letters", "label, and continue: the key of a class is beside its name"],
  ["→ ←", "next and previous image"],
  ["Shift + → ←", "several images at once: the next key is about all of them"],
  ["s", "skip"],
  ["u", "unreadable: leave it out"],
  ["c", "the label is right"],
  ["Delete", "remove the label"],
  ["z, Ctrl + Z", "undo"],
  ["Home, End", "first and last image"],
  ["?", "these keys"],
];

export function CheatSheet({ onClose }: { readonly onClose: () => void }) {
  return (
    <Dialog title="Keys" onClose={onClose} cancel="Close">
      <dl class="facts">
        {keys.map(([key, what]) => (
          <>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{what}</dd>
          </>
        ))}
      </dl>
    </Dialog>
  );
}
