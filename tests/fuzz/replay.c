/* SPDX-License-Identifier: MIT */
/*
 * The driver of the fuzzers where there is no libFuzzer: gives every file named, or in a folder named, to
 * LLVMFuzzerTestOneInput(), then mutations of it, the same in each run, and prints TAP, one point for each file.
 *
 * Runs in a test, with no power. A property that does not hold ends the process with abort(); the input that did it is
 * then on stderr, in hexadecimal. FUZZ_MUTATIONS in the environment changes how many mutations a file gets.
 */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define INPUT_MAX 65536u
#define MUTATIONS_DEFAULT 2000u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The input being tried, for the signal handler. */
static const uint8_t *current;
static volatile size_t current_size;

static unsigned n_points, n_failed;

static void on_crash(int signal_number)
{
	static const char digits[] = "0123456789abcdef";
	char line[2 * 512 + 1];
	size_t n = current_size < 512 ? current_size : 512;

	for (size_t i = 0; i < n; i++) {
		line[2 * i] = digits[current[i] >> 4];
		line[2 * i + 1] = digits[current[i] & 15];
	}
	line[2 * n] = '\n';
	if (write(STDERR_FILENO, "# the input that did it: ", 25) < 0 || write(STDERR_FILENO, line, 2 * n + 1) < 0)
		_exit(98);
	signal(signal_number, SIG_DFL);
	raise(signal_number);
}

/* xorshift: the same mutations in each run. */
static uint32_t next_random(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

/* Give the input in a heap block of exactly its size, so that a sanitizer sees a read past its end. */
static void try_input(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);

	if (!copy)
		abort();
	if (size)
		memcpy(copy, data, size);
	current = copy;
	current_size = size;
	LLVMFuzzerTestOneInput(copy, size);
	current_size = 0;
	free(copy);
}

/* Change `size` bytes in place, once; returns the new size. */
static size_t mutate(uint8_t *data, size_t size, uint32_t *state)
{
	static const uint8_t telling[] = { 0, 1, 0x7f, 0x80, 0xff, '\n', '=', ';', '[', '"', ':', '/', '%', '\\' };
	size_t at = size ? next_random(state) % size : 0;

	switch (size ? next_random(state) % 6 : 2) {
	case 0: /* flip a bit */
		data[at] ^= (uint8_t)(1u << (next_random(state) & 7));
		return size;
	case 1: /* a byte that often means something */
		data[at] = telling[next_random(state) % sizeof(telling)];
		return size;
	case 2: /* insert a byte */
		if (size >= INPUT_MAX)
			return size;
		memmove(data + at + 1, data + at, size - at);
		data[at] = (uint8_t)next_random(state);
		return size + 1;
	case 3: /* remove a byte */
		memmove(data + at, data + at + 1, size - at - 1);
		return size - 1;
	case 4: /* cut the end off */
		return at;
	default: /* repeat a piece elsewhere */
	{
		size_t to = next_random(state) % size;
		size_t room = size - (at > to ? at : to);
		memmove(data + to, data + at, next_random(state) % (room + 1));
		return size;
	}
	}
}

static unsigned mutations_wanted(void)
{
	const char *text = getenv("FUZZ_MUTATIONS");

	return text ? (unsigned)strtoul(text, NULL, 10) : MUTATIONS_DEFAULT;
}

static int replay_file(const char *path)
{
	static uint8_t original[INPUT_MAX], work[INPUT_MAX];
	FILE *file = fopen(path, "rb");
	uint32_t state = 2463534242u;
	size_t size;

	if (!file)
		return -errno;
	size = fread(original, 1, sizeof(original), file);
	fclose(file);
	try_input(original, size);
	for (unsigned i = 0, n = mutations_wanted(); i < n; i++) {
		size_t changed = size;
		memcpy(work, original, size);
		for (uint32_t j = 1 + (next_random(&state) & 7); j > 0; j--)
			changed = mutate(work, changed, &state);
		try_input(work, changed);
	}
	return 0;
}

static void replay_and_report(const char *path)
{
	int r = replay_file(path);
	const char *slash = strrchr(path, '/');

	n_points++;
	n_failed += r < 0;
	printf("%s %u - %s and its mutations hold every property%s%s\n", r < 0 ? "not ok" : "ok", n_points,
	       slash ? slash + 1 : path, r < 0 ? ": " : "", r < 0 ? strerror(-r) : "");
	fflush(stdout);
}

static int is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static int replay_folder(const char *path)
{
	struct dirent **entries = NULL;
	int n = scandir(path, &entries, is_visible, alphasort);

	if (n < 0)
		return -errno;
	for (int i = 0; i < n; i++) {
		char file[4096];
		snprintf(file, sizeof(file), "%s/%s", path, entries[i]->d_name);
		replay_and_report(file);
		free(entries[i]);
	}
	free(entries);
	return 0;
}

int main(int argc, char *argv[])
{
	signal(SIGABRT, on_crash);
#ifndef __SANITIZE_ADDRESS__ /* whose own report says more */
	signal(SIGSEGV, on_crash);
	signal(SIGFPE, on_crash);
#endif
	for (int i = 1; i < argc; i++) {
		struct stat st;
		if (argv[i][0] == '-')
			continue; /* libFuzzer's options */
		if (stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode))
			replay_folder(argv[i]);
		else
			replay_and_report(argv[i]);
	}
	if (n_points == 0) {
		puts("not ok 1 - there is a corpus to replay");
		n_points = n_failed = 1;
	}
	printf("1..%u\n", n_points);
	return n_failed ? 1 : 0;
}
