import { lazily } from "../../components/lazy.tsx";

/** The images of a folder, loaded when it is opened. */
export const StudioView = lazily(async () => (await import("./studio.tsx")).Studio);
