import type { ComponentType } from "preact";
import { useEffect } from "preact/hooks";
import type { StudioState } from "../src/studio-types.ts";
import { lazily } from "./components/lazy.tsx";
import { TabPanel, Tabs } from "./components/tabs.tsx";
import { extensions, root } from "./state/api.ts";
import { extensionState } from "./state/extensions.ts";
import { param } from "./state/params.ts";
import { type Connection, connection, isScanning, listedRuns, runs } from "./state/runs.ts";
import { type ThemeChoice, themeChoice } from "./state/theme.ts";
import { ChartsView } from "./views/charts/charts-view.tsx";
import { CompareView } from "./views/compare/compare-view.tsx";
import { RunView } from "./views/run/run-view.tsx";
import { RunsView } from "./views/runs/runs-view.tsx";
import { StudioView } from "./views/studio/studio-view.tsx";
import { SweepView } from "./views/sweep/sweep-view.tsx";

/** Loaded when they are opened. */
const ReviewView = lazily(async () => (await import("./views/review/review-view.tsx")).ReviewView);
const TrainingView = lazily(async () => (await import("./views/training/training-view.tsx")).TrainingView);
const TryView = lazily(async () => (await import("./views/try/try-view.tsx")).TryView);

interface ViewOfPage {
  readonly id: string;
  readonly title: string;
  readonly View: ComponentType;
  /** It is there only where the server has this extension, and whether there are runs or not. */
  readonly extension?: string;
}

/** Every view of the page: a folder of `views/`, and a line here. */
const allViews: readonly ViewOfPage[] = [
  { id: "images", title: "Images", View: StudioView, extension: "studio" },
  { id: "review", title: "Review", View: ReviewView, extension: "jobs" },
  { id: "train", title: "Train", View: TrainingView, extension: "jobs" },
  { id: "try", title: "Try", View: TryView, extension: "jobs" },
  { id: "runs", title: "Runs", View: RunsView },
  { id: "charts", title: "Charts", View: ChartsView },
  { id: "run", title: "Details", View: RunView },
  { id: "compare", title: "Compare", View: CompareView },
  { id: "sweep", title: "Sweep", View: SweepView },
];

const viewParam = param("view");
const studio = extensionState<StudioState>("studio");

const connectionTexts: Readonly<Record<Connection, string>> = {
  connecting: "connecting ...",
  live: "live",
  polling: "every 5 s",
  offline: "the server does not answer",
};

export function App() {
  const views = allViews.filter(({ extension }) => extension === undefined || extensions.value?.includes(extension));
  const fallback = views.find(({ extension }) => extension !== undefined) ?? views.find(({ id }) => id === "charts");
  const { id, View, extension } = views.find((view) => view.id === viewParam.value) ?? (fallback as ViewOfPage);
  const hasRuns = listedRuns.value.length > 0 || runs.value.size > 0;
  // The images are what someone came for, where there are some.
  const folder = studio.value?.folder ?? root.value;
  const title = folder.split(/[\\/]/).at(-1) || "Runs";
  useEffect(() => {
    document.title = title;
  }, [title]);
  return (
    <>
      <header class="top">
        <h1 title={folder}>{title}</h1>
        <Tabs
          name="views"
          label="Views"
          tabs={views}
          open={id}
          onOpen={(next) => viewParam.set(next === fallback?.id ? "" : next)}
        />
        <span class={`connection ${connection.value}`} role="status">
          {connectionTexts[connection.value]}
        </span>
        <label class="theme">
          <span class="hidden-label">Colors of the page</span>
          <select
            value={themeChoice.value}
            onChange={(event) => {
              themeChoice.value = event.currentTarget.value as ThemeChoice;
            }}
          >
            <option value="system">System</option>
            <option value="light">Light</option>
            <option value="dark">Dark</option>
          </select>
        </label>
      </header>
      <main>
        <TabPanel name="views" open={id} class={`view view-${id}`}>
          {extension !== undefined || hasRuns ? <View /> : <NoRuns />}
        </TabPanel>
      </main>
    </>
  );
}

function NoRuns() {
  if (isScanning.value) return <p class="note">Looking for runs ...</p>;
  return (
    <p class="note">
      There are no runs in <code>{root.value}</code> yet. <code>npx classifier train photos</code> makes one, and it
      appears here.
    </p>
  );
}
