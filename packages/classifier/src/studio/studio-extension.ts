import type { Extension, StudioState } from "@classifier-training/dashboard";
import { AutomaticSplit } from "./automatic-split.ts";
import { studioRoutes } from "./routes.ts";
import { Workspace } from "./workspace.ts";

/** The images of a folder and their labels, for the page. @throws VisionError when the edits of the folder cannot be read */
export function studioExtension(folder: string): Extension {
  const workspace = new Workspace(folder);
  const listeners = new Set<() => void>();
  const tell = () => {
    for (const listener of listeners) listener();
  };
  workspace.onChange(tell);
  const split = new AutomaticSplit(workspace, tell);
  const state = (): StudioState => ({
    folder: workspace.folder,
    cursor: workspace.cursor,
    isReading: workspace.isReading,
    notices: workspace.notices,
    ...(split.progress !== undefined && { splitting: split.progress }),
  });
  return {
    name: "studio",
    routes: studioRoutes(workspace, split),
    state,
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close: async () => {
      workspace.close();
      await split.cancel();
    },
  };
}
