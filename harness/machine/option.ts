/** An option as QEMU's command line has it. */
export const onOff = (on: boolean): string => (on ? "on" : "off");

/** `name=value` pairs behind a driver, joined the way QEMU wants them; nothing here comes from free text. */
export const joined = (driver: string, options: Record<string, string | number | undefined>): string =>
  [
    driver,
    ...Object.entries(options).flatMap(([key, value]) => value === undefined ? [] : [`${key}=${value}`]),
  ].join(",");
