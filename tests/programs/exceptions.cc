// SPDX-License-Identifier: MIT
// Throws and catches, also through frames, threads and noexcept.
#include <exception>
#include <functional>
#include <future>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

struct Loud {
	~Loud()
	{
		std::cout << "unwound\n";
	}
};

static int deep(int n)
{
	Loud loud;

	if (n == 0)
		throw std::runtime_error("from below");
	return deep(n - 1) + 1;
}

int main(int argc, char **)
{
	try {
		deep(3);
	} catch (const std::exception &e) {
		std::cout << "caught " << e.what() << '\n';
	}
	try {
		std::vector<int>(3).at(7) = 1;
	} catch (const std::out_of_range &) {
		std::cout << "out of range\n";
	}
	auto future = std::async(std::launch::async, [] { return deep(1); });
	try {
		future.get();
	} catch (const std::runtime_error &e) {
		std::cout << "from a thread: " << e.what() << '\n';
	}
	int caught = 0;
	for (int i = 0; i < 1000; i++) {
		try {
			throw i;
		} catch (int n) {
			caught += n & 1;
		}
	}
	std::cout << caught << '\n' << std::flush;
	if (argc > 1)
		std::function<void()>([] { throw std::string("terminates"); })();
	return 0;
}
