/** The version of the official client whose files and protocol these are; W&B's servers look at it. */
export const clientVersion = "0.28.3";
