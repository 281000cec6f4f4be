import { FilterChips } from "./filter-chips.tsx";
import type { PartProps } from "./part.tsx";
import { Samples } from "./samples.tsx";
import { orderParam, rightParam, sampleFilter } from "./state.ts";

/** The most confident errors; or the samples of a class, a slice, a bin. */
export function Errors({ detail, evaluation }: PartProps) {
  const filter = sampleFilter();
  const order = orderParam.value;
  const query = { ...filter, order, ...(rightParam.value === "" && { wrong: "1" }) };
  return (
    <>
      <div class="toolbar">
        <label>
          Order{" "}
          <select value={order} onChange={(event) => orderParam.set(event.currentTarget.value)}>
            <option value="confident">most confident first</option>
            <option value="uncertain">least confident first</option>
            <option value="loss">highest loss first</option>
            <option value="table">of the data</option>
          </select>
        </label>
        <label class="check">
          <input
            type="checkbox"
            checked={rightParam.value !== ""}
            onChange={(event) => rightParam.set(event.currentTarget.checked ? "1" : "")}
          />
          Right ones, too
        </label>
        <FilterChips filter={filter} />
      </div>
      <Samples detail={detail} evaluation={evaluation} query={query} />
    </>
  );
}
