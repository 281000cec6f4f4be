import { useState } from "preact/hooks";

/** What a button does: its error is shown, and it cannot be pressed again meanwhile. */
export function useAction() {
  const [error, setError] = useState("");
  const [isBusy, setBusy] = useState(false);
  const act = async (work: () => Promise<unknown>) => {
    setBusy(true);
    setError("");
    try {
      await work();
    } catch (reason) {
      setError((reason as Error).message);
    } finally {
      setBusy(false);
    }
  };
  return { error, isBusy, act };
}
