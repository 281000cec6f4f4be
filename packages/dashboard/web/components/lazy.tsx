import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";

/** A part of the page that is loaded when it is first shown. */
export function lazily<Props extends object>(load: () => Promise<ComponentType<Props>>): ComponentType<Props> {
  let loaded: ComponentType<Props> | undefined;
  return function Lazy(props: Props) {
    const [Part, setPart] = useState<ComponentType<Props> | undefined>(() => loaded);
    const [error, setError] = useState("");
    useEffect(() => {
      if (Part !== undefined) return;
      load().then(
        (part) => {
          loaded = part;
          setPart(() => part);
        },
        () => setError("This part of the page could not be loaded: reload the page."),
      );
    }, []);
    if (Part !== undefined) return <Part {...props} />;
    return <p class="note">{error || "Loading ..."}</p>;
  };
}
