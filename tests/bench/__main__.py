"""`make bench`: every measurement, one after the other, with the machine's name beside the figures."""

import os
import platform

from tests.bench import redis_to_lake, socket_to_redis


def run():
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}; compare, don't quote")
    socket_to_redis.main()
    redis_to_lake.main()


if __name__ == "__main__":
    run()
