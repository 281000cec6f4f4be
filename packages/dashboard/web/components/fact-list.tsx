/** Names with their values; those without a value are left out. */
export type Facts = readonly (readonly [name: string, value: string | undefined])[];

export function FactList({ facts }: { readonly facts: Facts }) {
  return (
    <dl>
      {facts.map(([name, value]) =>
        value === undefined ? null : (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ),
      )}
    </dl>
  );
}
