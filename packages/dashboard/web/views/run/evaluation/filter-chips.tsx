import { percentText } from "./part.tsx";
import { filterSamples, type sampleFilter } from "./state.ts";

/** What the samples are narrowed to, with a button that ends it. */
export function FilterChips({ filter }: { readonly filter: ReturnType<typeof sampleFilter> }) {
  const { true: label, predicted, key, value, low, high } = filter;
  const texts = [
    ...(label === undefined ? [] : [`true: ${label}`]),
    ...(predicted === undefined ? [] : [`predicted: ${predicted}`]),
    ...(key === undefined ? [] : [`${key}: ${value ?? ""}`]),
    ...(high === undefined ? [] : [`confidence ${percentText(Number(low ?? 0))} to ${percentText(Number(high))}`]),
  ];
  if (texts.length === 0) return null;
  return (
    <>
      {texts.map((text) => (
        <span key={text} class="tag">
          {text}
        </span>
      ))}
      <button type="button" onClick={() => filterSamples({})}>
        All errors
      </button>
    </>
  );
}
