import { parseOptions } from "@classifier-training/base";
import { z } from "zod";

export const clusterEnvironmentOptionsSchema = z.strictObject({
  /** Whether SIGUSR1 has a SLURM job requeued. */
  autoRequeue: z.boolean().default(true),
});

/** Who starts the processes. It is found by itself: a configuration may name it, and say whether SLURM requeues the job. */
export class ClusterEnvironment {
  readonly options: z.infer<typeof clusterEnvironmentOptionsSchema>;

  constructor(options: z.input<typeof clusterEnvironmentOptionsSchema> = {}) {
    this.options = parseOptions("ClusterEnvironment", clusterEnvironmentOptionsSchema, options);
  }
}
