/* check.c: ask a rater from C.
 *
 *     cc check.c $(pkg-config --cflags --libs rater) -o check
 *     ./check ip 192.0.2.9
 */
#include <stdio.h>
#include <stdlib.h>

#include "rater.h"

int main(int argc, char **argv)
{
	const char *server = getenv("RATER");
	struct rater_answer answer;
	int over;

	if (argc != 3) {
		fprintf(stderr, "usage: check CLASS VALUE\n");
		return 2;
	}
	if (server == NULL)
		server = "127.0.0.1:1999";
	over = rater_check(server, argv[1], argv[2], 500, &answer);
	puts(answer.text);
	return over;
}
