/* rater.h: ask a rater. Generated from src/rater/capi.rs by cbindgen. */

#ifndef RATER_H
#define RATER_H

#include <stddef.h>
#include <stdint.h>

/*
 Room for an answer's text, with the NUL at its end.
 */
#define RATER_TEXT 128

/*
 What rater has answered.
 */
struct rater_answer {
  /*
   Marks in the window, those over the limit included.
   */
  uint64_t count;
  /*
   How many are allowed; 0: any number.
   */
  uint32_t limit;
  /*
   The line, or what went wrong: NUL-terminated, cut where too long.
   */
  char text[RATER_TEXT];
};

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/*
 Marks `value` in `class_` at the rater at `server` ("127.0.0.1:1999" or
 "unix:PATH") and tells how it stands: 0 within the limit, 1 over it, 2
 nobody knows. Returns within `timeout_ms` milliseconds, whatever happens.
 `answer` may be NULL.

 # Safety
 The three texts are NULL or end with a NUL; `answer` is NULL or has room.
 */
int rater_check(const char *server,
                const char *class_,
                const char *value,
                int timeout_ms,
                struct rater_answer *answer);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* RATER_H */
