/* failures.c: every way in which a rater can fail, seen from C.
 *
 * Runs under valgrind. A thread plays the rater; each case says what it does
 * to its client, and what the client must make of it.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "rater.h"

/* What the rater does when somebody has come. */
enum deed { CLOSE_AT_ONCE, SAY, SAY_FOR_EVER, HANG, NEVER_ACCEPT, NOBODY };

struct test {
	const char *name;
	enum deed deed;
	const char *words;
	int expected;
	const char *text; /* how the answer's text begins */
};

static const struct test tests[] = {
	{"within", SAY, "0 3/10\r\n", 0, "0 3/10"},
	{"over", SAY, "1 12/10\r\n", 1, "1 12/10"},
	{"not limited", SAY, "0 0/0\r\n", 0, "0 0/0"},
	{"newline only", SAY, "0 3/10\n", 0, "0 3/10"},
	{"error", SAY, "2 Class not found: ip\r\n", 2, "2 Class not found: ip"},
	{"refused", NOBODY, "", 2, "2 cannot connect"},
	{"closed at once", CLOSE_AT_ONCE, "", 2, "2 "},
	{"closed", SAY, "", 2, "2 half an answer"},
	{"half an answer", SAY, "0 3/", 2, "2 half an answer"},
	{"no newline", SAY, "0 3/10", 2, "2 half an answer"},
	{"garbage", SAY, "\x01\xff\xfe garbage\n", 2, "2 not an answer"},
	{"empty line", SAY, "\r\n", 2, "2 not an answer"},
	{"another number", SAY, "7 3/10\r\n", 2, "2 not an answer"},
	{"no count", SAY, "0 many/10\r\n", 2, "2 not an answer"},
	{"too large", SAY, "0 99999999999999999999/10\r\n", 2,
		"2 not an answer"},
	{"endless", SAY_FOR_EVER, "blah blah ", 2, "2 "},
	{"hung", HANG, "", 2, "2 no answer in time"},
	{"hung in the answer", HANG, "0 3", 2, "2 no answer in time"},
	{"full queue", NEVER_ACCEPT, "", 2, "2 no answer in time"},
};

static int listener;
static int client = -1;

/* Plays the rater for one client. */
static void *rater(void *argument)
{
	const struct test *test = argument;
	char ignored[64];

	client = accept(listener, NULL, NULL);
	if (test->deed == CLOSE_AT_ONCE) {
		close(client);
		client = -1;
		return NULL;
	}
	while (recv(client, ignored, sizeof ignored, 0) == sizeof ignored)
		;
	do {
		if (send(client, test->words, strlen(test->words),
				MSG_NOSIGNAL) < 0)
			break;
	} while (test->deed == SAY_FOR_EVER);
	if (test->deed != HANG) {
		close(client);
		client = -1;
	}
	return NULL;
}

static long milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int failed;

static void expect(const char *name, int true, const char *what)
{
	if (true)
		return;
	printf("FAIL %s: %s\n", name, what);
	failed = 1;
}

static void run(const struct test *test, const char *folder)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct rater_answer answer;
	char server[200];
	int number, fillers[8], i;
	pthread_t thread;
	long begun;

	snprintf(address.sun_path, sizeof address.sun_path, "%s/sock", folder);
	snprintf(server, sizeof server, "unix:%s/sock", folder);
	unlink(address.sun_path);
	listener = socket(AF_UNIX, SOCK_STREAM, 0);
	if (test->deed != NOBODY) {
		bind(listener, (void *)&address, sizeof address);
		listen(listener, test->deed == NEVER_ACCEPT ? 0 : 5);
	}
	for (i = 0; i < 8; i++) {
		fillers[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
		if (test->deed == NEVER_ACCEPT)
			connect(fillers[i], (void *)&address, sizeof address);
	}
	if (test->deed != NOBODY && test->deed != NEVER_ACCEPT)
		pthread_create(&thread, NULL, rater, (void *)test);
	memset(&answer, 0x5a, sizeof answer);
	begun = milliseconds();
	number = rater_check(server, "ip", "192.0.2.9", 400, &answer);
	/* valgrind is slow, and so may the machine be. */
	expect(test->name, milliseconds() - begun < 5000, "too late");
	expect(test->name, number == test->expected, "another number");
	expect(test->name, memchr(answer.text, 0, sizeof answer.text) != NULL,
		"text without an end");
	expect(test->name,
		!strncmp(answer.text, test->text, strlen(test->text)),
		answer.text);
	if (test->deed != NOBODY && test->deed != NEVER_ACCEPT)
		pthread_join(thread, NULL);
	if (client >= 0)
		close(client);
	client = -1;
	for (i = 0; i < 8; i++)
		close(fillers[i]);
	close(listener);
	printf("ok %s: %s\n", test->name, answer.text);
}

static void on_signal(int number)
{
	(void)number;
	expect("signals", 0, "there was one");
}

int main(int argc, char **argv)
{
	struct rater_answer answer;
	char *huge = malloc(2000001);
	size_t i;

	if (argc != 2 || huge == NULL)
		return 2;
	signal(SIGPIPE, on_signal);
	for (i = 0; i < sizeof tests / sizeof *tests; i++)
		run(&tests[i], argv[1]);
	/* What a caller can do wrong. */
	expect("no server", rater_check(NULL, "a", "b", 9, &answer) == 2, "");
	expect("no class", rater_check("x:1", NULL, "b", 9, NULL) == 2, "");
	expect("no value", rater_check("x:1", "a", NULL, 9, NULL) == 2, "");
	expect("a name", rater_check("example.org:1", "a", "b", 9, &answer) == 2,
		"");
	expect("no time", rater_check("unix:/x", "a", "b", 0, NULL) == 2, "");
	expect("less", rater_check("unix:/x", "a", "b", -1, NULL) == 2, "");
	expect("lines", rater_check("unix:/x", "a", "b\nc", 9, NULL) == 2, "");
	expect("spaces", rater_check("unix:/x", "a b", "c", 9, NULL) == 2, "");
	expect("bytes", rater_check("unix:/x", "a", "\xff", 9, NULL) == 2, "");
	memset(huge, 'x', 2000000);
	huge[2000000] = 0;
	expect("huge", rater_check(huge, huge, huge, 9, &answer) == 2, "");
	free(huge);
	puts(failed ? "FAILED" : "passed");
	return failed;
}
