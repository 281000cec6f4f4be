import { shellWord } from "@classifier-training/base";
import { print, type RegisterCommand } from "../command.ts";

export const registerInit: RegisterCommand = (program) => {
  program
    .command("init")
    .description("create a project: configuration, a custom model, callback and transform, a test, sample images")
    .argument("<folder>", "a new folder")
    .addHelpText("after", "\nExample:\n  classifier init my-classifier && cd my-classifier && npm run train")
    .action(async (folder: string) => {
      const { createProject } = await import("../../scaffold/create-project.ts");
      for (const path of createProject(folder)) print(`  ${path}\n`);
      print(`\nNext:\n  cd ${shellWord(folder)}\n  npm run train\n  npm test\n`);
    });
};
