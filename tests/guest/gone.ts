/** What a run says of a kernel that isn't to be had. */
export const GONE =
  /^iovacheck: (.*(?:is not in the archive|is not on this machine's mirror|is of use for its).*)$/m;
