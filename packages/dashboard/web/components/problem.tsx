import type { JobProblem } from "../../src/job-types.ts";

/** What is wrong, and what to do about it. */
export function Problem({ problem }: { readonly problem: JobProblem }) {
  return (
    <div class="note warning problem" role="alert">
      <p>{problem.what}</p>
      {problem.fix !== undefined && (
        <p>
          <strong>What to do: </strong>
          {problem.fix}
        </p>
      )}
    </div>
  );
}

/** The error of an action; nothing without one. */
export function ActionError({ error }: { readonly error: string }) {
  if (error === "") return null;
  // As a command line writes it.
  const [what = "", fix] = error.split("\n  fix: ");
  return <Problem problem={{ what, ...(fix !== undefined && { fix }) }} />;
}
