"""Prints a completion script.

bash:  source <(stretto completion bash)
zsh:   stretto completion zsh > "${fpath[1]}/_stretto"
fish:  stretto completion fish > ~/.config/fish/completions/stretto.fish
"""

from ..options import OPTIONS, Option
from ..parser import Parser
from . import COMMANDS

#: Flags of the commands that do not take the options of a run.
FLAGS = {
    "demo": ("--variants", "--layout", "--report", "--force", "--color", "--config"),
    "doctor": ("--json",),
    "report": ("--number", "--list", "--html", "--json", "--maps", "--force"),
    "syscalls": ("--coverage", "--json", "--markdown"),
    "bench": ("--variants", "--iterations", "--rounds", "--only", "--size", "--json", "--plot", "--check"),
    "completion": (),
}
FILES = ("path", "list")


def main(argv: list[str]) -> int:
    """Writes the script for one shell to standard output."""
    parser = Parser("completion", __doc__)
    parser.add_argument("shell", choices=sorted(SHELLS))
    print(SHELLS[parser.parse_args(argv).shell](), end="")
    return 0


def _flags(option: Option) -> list[str]:
    negated = [f"--no-{option.name}"] if option.kind == "switch" else []
    return [*option.flags, *negated]


def _words(words: str) -> str:
    return f'COMPREPLY=($(compgen -W "{words}" -- "$word"))'


def _of_kind(*kinds: str) -> str:
    return "|".join(flag for option in OPTIONS if option.kind in kinds for flag in option.flags)


def bash() -> str:
    """Options of `run` until the program's name, then whatever the program completes."""
    commands = " ".join(COMMANDS)
    values = "".join(
        f"    {'|'.join(option.flags)}) {_words(' '.join(option.choices))}; return ;;\n"
        for option in OPTIONS
        if option.choices
    )
    paths = _of_kind(*FILES)
    numbers = _of_kind("integer", "number")
    run = " ".join(flag for option in OPTIONS for flag in _flags(option))
    others = "".join(
        f'    {name}) flags="{" ".join(flags)} --help" ;;\n' for name, flags in FLAGS.items() if flags
    )
    return f"""\
# bash completion for stretto
_stretto() {{
  local word="${{COMP_WORDS[COMP_CWORD]}}" before="${{COMP_WORDS[COMP_CWORD-1]}}" flags=""
  if [ "$COMP_CWORD" -eq 1 ]; then {_words(commands + " --help --version")}; return; fi
  if [ "${{COMP_WORDS[1]}}" = completion ]; then {_words("bash zsh fish")}; return; fi
  case "$before" in
{values}    {paths}|--config|--html) COMPREPLY=($(compgen -f -- "$word")); return ;;
    {numbers}|--number) return ;;
  esac
  case "${{COMP_WORDS[1]}}" in
    run) flags="{run} --config --help" ;;
{others}  esac
  local i
  for ((i = 2; i < COMP_CWORD; i++)); do
    case "${{COMP_WORDS[1]}} ${{COMP_WORDS[i]}}" in "run --") _stretto_program $((i + 1)); return ;; esac
  done
  if [[ $word == -* ]]; then COMPREPLY=($(compgen -W "$flags" -- "$word"))
  elif [ "${{COMP_WORDS[1]}}" = run ]; then COMPREPLY=($(compgen -c -- "$word"))
  else COMPREPLY=($(compgen -f -- "$word")); fi
}}
_stretto_program() {{
  if declare -F _command_offset >/dev/null; then _command_offset "$1"
  elif [ "$COMP_CWORD" -eq "$1" ]; then COMPREPLY=($(compgen -c -- "${{COMP_WORDS[COMP_CWORD]}}"))
  else COMPREPLY=($(compgen -f -- "${{COMP_WORDS[COMP_CWORD]}}")); fi
}}
complete -o filenames -F _stretto stretto
"""


def zsh() -> str:
    """The same with zsh's own vocabulary."""
    commands = "\n".join(f"    '{name}:{text}'" for name, text in COMMANDS.items())
    specs = " \\\n        ".join(spec for option in OPTIONS for spec in _zsh_specs(option))
    others = "\n".join(
        f"    {name}) _arguments {' '.join(flags)} --help '*:file:_files' ;;"
        for name, flags in FLAGS.items()
        if flags
    )
    return f"""\
#compdef stretto
_stretto() {{
  local -a commands
  commands=(
{commands}
  )
  if (( CURRENT == 2 )); then _describe command commands; return; fi
  shift words; (( CURRENT-- ))
  case $words[1] in
    run)
      _arguments -S -s \\
        {specs} \\
        '--config[settings file]:file:_files' \\
        '(-):program:_command_names -e' '*::arguments:_normal' ;;
{others}
    completion) _values shell bash zsh fish ;;
  esac
}}
_stretto "$@"
"""


def _zsh_specs(option: Option) -> list[str]:
    text = option.help.replace("[", "(").replace("]", ")").replace(":", ",").replace("'", "")
    if option.kind == "switch":
        return [f"'{flag}[{text}]'" for flag in _flags(option)]
    action = f"({' '.join(option.choices)})" if option.choices else "_files" if option.kind in FILES else ""
    repeated = "*" if option.kind == "list" else ""
    return [f"'{repeated}{flag}[{text}]:{option.name}:{action}'" for flag in option.flags]


def fish() -> str:
    """One `complete` line for each flag."""
    lines = ["# fish completion for stretto", "complete -c stretto -f"]
    for name, text in COMMANDS.items():
        lines.append(f"complete -c stretto -n __fish_use_subcommand -a {name} -d '{text}'")
    run = "complete -c stretto -n '__fish_seen_subcommand_from run'"
    for option in OPTIONS:
        short = f" -s {option.short[1:]}" if option.short else ""
        value = (
            f" -x -a '{' '.join(option.choices)}'"
            if option.choices
            else " -r -F"
            if option.kind in FILES
            else ""
        )
        value = value or ("" if option.kind == "switch" else " -x")
        text = option.help.replace("'", "")
        lines.append(f"{run}{short} -l {option.name}{value} -d '{text}'")
    lines.append(f"{run} -a '(__fish_complete_subcommand --fcs-skip=2)'")
    for name, flags in FLAGS.items():
        for flag in flags:
            lines.append(f"complete -c stretto -n '__fish_seen_subcommand_from {name}' -l {flag[2:]}")
    lines.append("complete -c stretto -n '__fish_seen_subcommand_from report' -F")
    lines.append("complete -c stretto -n '__fish_seen_subcommand_from completion' -a 'bash zsh fish'")
    return "\n".join(lines) + "\n"


SHELLS = {"bash": bash, "zsh": zsh, "fish": fish}
