import { useState } from "preact/hooks";
import { api } from "../../state/api.ts";
import { ClassName } from "./class-name.tsx";
import { counted } from "./grid/selection-bar.tsx";
import { classes, edit, images, splitAutomatically, studioState } from "./store.ts";

const columns = ["train", "val", "test", "none"] as const;
const titles = { train: "train", val: "valid", test: "test", none: "training chooses" } as const;

type Counts = Record<(typeof columns)[number], number>;

const noCounts = (): Counts => ({ train: 0, val: 0, test: 0, none: 0 });

/** Which images are trained on, which validate, which test. */
export function SplitPanel() {
  const [valid, setValid] = useState(20);
  const [test, setTest] = useState(0);
  const byClass = new Map(classes.value.map(({ name }) => [name, noCounts()]));
  const total = noCounts();
  for (const { label, split = "none", excluded } of images.value) {
    const counts = label === undefined || excluded !== undefined ? undefined : byClass.get(label);
    if (counts === undefined) continue;
    counts[split]++;
    total[split]++;
  }
  const assigned = images.value.filter(({ split }) => split !== undefined).map(({ path }) => path);
  const splitting = studioState.value?.splitting;
  const isWrong = valid + test <= 0 || valid + test >= 100;
  return (
    <div class="split-panel">
      <p class="note">{plan(total)}</p>
      <form
        class="toolbar"
        onSubmit={(event) => {
          event.preventDefault();
          void splitAutomatically(valid / 100, test / 100);
        }}
      >
        <Percent label="Validation" value={valid} onInput={setValid} />
        <Percent label="Test" value={test} onInput={setTest} />
        <button type="submit" class="primary" disabled={isWrong || splitting !== undefined}>
          Split automatically
        </button>
        {splitting !== undefined && (
          <>
            <progress aria-label="Split" max={splitting.total} value={splitting.done} />
            <span class="count">{`${splitting.done} of ${splitting.total} images read`}</span>
            <button type="button" onClick={() => void api("studio/split", "DELETE", {}).catch(() => {})}>
              Cancel the split
            </button>
          </>
        )}
        <button
          type="button"
          disabled={assigned.length === 0}
          onClick={() => void edit({ op: "split", images: assigned, split: null }, "Assignments taken back.")}
        >
          Reset
        </button>
      </form>
      <p class="note">
        The split is by class, and images that are equal or nearly equal stay on one side. Single images are assigned
        where they are selected, in Images.
      </p>
      <table>
        <thead>
          <tr>
            <th>Class</th>
            {columns.map((column) => (
              <th key={column} class="number">
                {titles[column]}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {[...byClass].map(([name, counts]) => (
            <tr key={name}>
              <th>
                <ClassName name={name} />
              </th>
              {columns.map((column) => (
                <td key={column} class="number">
                  {counts[column]}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
        <tfoot>
          <tr>
            <th>all</th>
            {columns.map((column) => (
              <td key={column} class="number">
                {total[column]}
              </td>
            ))}
          </tr>
        </tfoot>
      </table>
    </div>
  );
}

interface PercentProps {
  readonly label: string;
  readonly value: number;
  readonly onInput: (value: number) => void;
}

function Percent({ label, value, onInput }: PercentProps) {
  return (
    <label>
      {`${label}, % `}
      <input
        type="number"
        min={0}
        max={90}
        value={value}
        onInput={(event) => onInput(Math.min(90, Math.max(0, event.currentTarget.valueAsNumber || 0)))}
      />
    </label>
  );
}

/** What training does with the split as it is. */
function plan({ train, val, test, none }: Counts): string {
  if (train + val + test + none === 0) return "No image has a label yet. Once some have, they can be split here.";
  const tested = test === 0 ? "There are no test images." : `Tests are on ${counted(test)}.`;
  if (none === 0) return `Training will be on ${counted(train)}, and validated on ${counted(val)}. ${tested}`;
  const stay = train + val + test === 0 ? "" : " Assigned images stay where they are.";
  const of =
    val === 0
      ? `of ${counted(train + none)}, it takes 20% for validation`
      : `of ${counted(none)} without a split, it takes those for validation that are missing to 20%`;
  return `Training will choose: ${of}, by class, near duplicates together.${stay} ${tested}`;
}
