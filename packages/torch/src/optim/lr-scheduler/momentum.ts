import { optionError } from "../options.ts";
import type { ParamGroup } from "../param-group.ts";
import type { ScheduledOptimizer } from "./scheduler.ts";

/** Checks that a scheduler which cycles momentum finds one (`momentum`, or Adam's first beta) in every group. */
export function checkHasMomentum(name: string, optimizer: ScheduledOptimizer): void {
  for (const [i, group] of optimizer.paramGroups.entries()) {
    if (group.betas !== undefined || group.momentum !== undefined) continue;
    throw optionError(
      name,
      `parameter group ${i} has neither momentum nor betas, which cycleMomentum needs`,
      "use an optimizer with momentum, or cycleMomentum: false",
    );
  }
}

export function setMomentum(group: ParamGroup, momentum: number): void {
  if (group.betas !== undefined) group.betas = [momentum, ...group.betas.slice(1)];
  else group.momentum = momentum;
}
