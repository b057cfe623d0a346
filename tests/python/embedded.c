/* SPDX-License-Identifier: MIT */
/*
 * A program with an interpreter inside that it starts and ends again and again. Each time the package is imported anew,
 * blocks, and refuses a lookup; its doors stay in the process and find another interpreter behind them. For memory.py.
 */
#include <Python.h>

static const char program[] = "import python_blackbox, _socket\n"
			      "python_blackbox.block_network()\n"
			      "try:\n"
			      "    _socket.getaddrinfo('api.example.org', 80)\n"
			      "    said = 'passed'\n"
			      "except OSError as error:\n"
			      "    said = type(error).__name__\n"
			      "with python_blackbox.allow_temporary():\n"
			      "    pass\n"
			      "assert python_blackbox.attempts()\n"
			      "python_blackbox.on_attempt(lambda attempt: None)\n"
			      "print(said, flush=True)\n";

int main(void)
{
	for (int i = 0; i < 5; i++) {
		Py_Initialize();
		if (PyRun_SimpleString(program) != 0)
			return 1;
		if (Py_FinalizeEx() < 0)
			return 2;
	}
	return 0;
}
