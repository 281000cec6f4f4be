export const shells = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof shells)[number];

/** A program name as part of a shell function's name. */
function functionName(program: string): string {
  return `hydra_${program.replace(/\W+/g, "_")}_completion`;
}

/** The command word that a shell completes: of `classifier train` it is `classifier`. */
function command(program: string): string {
  return program.split(" ")[0] ?? program;
}

/** The shell code that turns completion on; `eval "$(PROGRAM -sc install=bash)"` runs it. */
export function installScript(shell: Shell, program: string): string {
  if (shell === "fish") return fishScript(program);
  const name = functionName(program);
  const zsh =
    shell === "zsh" ? "autoload -U +X compinit && compinit; autoload -U +X bashcompinit && bashcompinit\n" : "";
  return `${zsh}${name}()
{
    local choices word
    word="\${COMP_WORDS[COMP_CWORD]}"
    choices=$(COMP_POINT=$COMP_POINT COMP_LINE=$COMP_LINE ${program} -sc query=bash 2>/dev/null)
    COMPREPLY=($(compgen -o nospace -o default -W "$choices" -- "$word"))
}
COMP_WORDBREAKS=\${COMP_WORDBREAKS//=}
complete -o nospace -o default -F ${name} ${command(program)}`;
}

function fishScript(program: string): string {
  const name = functionName(program);
  return `function ${name}
    set -lx COMP_LINE (commandline -cp)
    ${program} -sc query=fish 2>/dev/null
end
complete -c ${command(program)} -x -a '(${name})'`;
}

/** The shell code that turns completion off again. */
export function uninstallScript(shell: Shell, program: string): string {
  if (shell === "fish") return `complete -e -c ${command(program)}\nfunctions -e ${functionName(program)}`;
  return `complete -r ${command(program)}\nunset -f ${functionName(program)}`;
}

/** The one line that a user puts into the shell's start-up file. */
export function installLine(shell: Shell, program: string): string {
  return shell === "fish" ? `${program} -sc install=fish | source` : `eval "$(${program} -sc install=${shell})"`;
}
