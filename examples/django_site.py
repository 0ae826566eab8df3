# SPDX-License-Identifier: MIT
"""Django in one file: winghorn django_site -w 2"""

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import path

settings.configure(
    ALLOWED_HOSTS=["127.0.0.1", "localhost"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="change me before anybody else sees this site",
)
django.setup()


def hello(request):
    return HttpResponse("<p>Hello, Django!</p>")


urlpatterns = [path("", hello)]
application = get_wsgi_application()
