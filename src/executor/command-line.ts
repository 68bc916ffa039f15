/** Commands of the configuration. Pure. */

const placeholder = '{payload}'

/** Each word with `{payload}` in it once for each path, in its place; where no word has it, the paths come last. */
export const fillCommand = (command: readonly string[], paths: readonly string[]): string[] => {
  const whole = command.some((word) => word.includes(placeholder)) ? command : [...command, placeholder]
  return whole.flatMap((word) => (word.includes(placeholder) ? paths.map((path) => word.replaceAll(placeholder, () => path)) : [word]))
}
