interface FilterFieldProps {
  /** For screen readers. */
  readonly label: string;
  readonly placeholder: string;
  readonly value: string;
  readonly onFilter: (text: string) => void;
  /** What it leaves: `12 of 40 runs`. */
  readonly count: string;
}

/** A search field over a list, and how much of it is left. */
export function FilterField({ label, placeholder, value, onFilter, count }: FilterFieldProps) {
  return (
    <>
      <label class="filter">
        <span class="hidden-label">{label}</span>
        <input
          type="search"
          placeholder={placeholder}
          value={value}
          onInput={(event) => onFilter(event.currentTarget.value)}
        />
      </label>
      <span class="count" role="status">
        {count}
      </span>
    </>
  );
}
