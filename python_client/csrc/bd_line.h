/* One line of words about a payload, for BINDD_DEBUG=1. Reads with bounds, never fails: what does not fit is cut, broken
 * bytes end with the reader's `bad`. Needs neither Python nor the GIL.
 */
#ifndef BD_LINE_H
#define BD_LINE_H

#include "bd_state.h"

#define BD_LINE_BYTES 1024

typedef struct bd_line {
    char text[BD_LINE_BYTES];
    size_t size;
} bd_line;

void bd_line_add(bd_line *line, const char *format, ...) __attribute__((format(printf, 2, 3)));
void bd_line_str(bd_line *line, bd_reader *reader);
void bd_line_attributes(bd_line *line, bd_reader *reader);
/* u32s, one for each of the names, which are separated by commas. */
void bd_line_words(bd_line *line, bd_reader *reader, const char *names);
/* A list of u32; nothing when it is empty. */
void bd_line_ids(bd_line *line, bd_reader *reader, const char *what);
/* Values as the table's types say; a bound handle has its view in front in a parameter, none in a result. */
void bd_line_parameter(bd_line *line, bd_reader *reader, uint8_t type);
void bd_line_result(bd_line *line, bd_reader *reader, uint8_t type);
/* To stderr, one write. */
void bd_line_print(bd_line *line);

#endif
